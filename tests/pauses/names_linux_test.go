package pauses

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// name is the identity provider's, where it is asked for by name.
const name = "idp.test"

// names is a server of names. It knows one.
type names struct {
	*testing.T
	conn net.PacketConn

	mu    sync.Mutex
	means net.IP
	asked func() // called once, before the next answer
}

// newNames has the other end of a wire ask for names here.
func newNames(w *wire, means string) *names {
	w.Helper()
	n := &names{T: w.T, means: net.ParseIP(means)}
	var err error
	if n.conn, err = net.ListenPacket("udp", net.JoinHostPort(w.here, "53")); err != nil {
		w.Fatal(err)
	}
	dir := filepath.Join("/etc/netns", w.space) // which ip puts over /etc
	if err = os.MkdirAll(dir, 0o755); err == nil {
		err = os.WriteFile(filepath.Join(dir, "resolv.conf"), []byte("nameserver "+w.here+"\n"), 0o644)
	}
	if err != nil {
		w.Fatal(err)
	}
	go n.serve()
	w.Cleanup(func() {
		_ = n.conn.Close()
		_ = os.RemoveAll(dir)
		_ = os.Remove(filepath.Dir(dir)) // if it is empty
	})
	return n
}

func (n *names) serve() {
	packet := make([]byte, 1500)
	for {
		size, from, err := n.conn.ReadFrom(packet)
		if err != nil {
			return
		}
		var asked dnsmessage.Message
		if asked.Unpack(packet[:size]) != nil || len(asked.Questions) != 1 {
			continue
		}
		if answer, err := n.answer(&asked); err == nil {
			_, _ = n.conn.WriteTo(answer, from)
		}
	}
}

func (n *names) answer(asked *dnsmessage.Message) ([]byte, error) {
	n.mu.Lock()
	means, then := n.means, n.asked
	n.asked = nil
	n.mu.Unlock()
	if then != nil {
		then()
	}
	q := asked.Questions[0]
	answer := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: asked.ID, Response: true, Authoritative: true, RecursionAvailable: true},
		Questions: asked.Questions,
	}
	switch known := strings.EqualFold(q.Name.String(), name+"."); {
	case !known:
		answer.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		answer.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1},
			Body:   &dnsmessage.AResource{A: [4]byte(means.To4())},
		}}
	}
	return answer.Pack()
}

// once has then called when the name is asked for next.
func (n *names) once(then func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = then
}

// move has the name mean another address.
func (n *names) move(to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.means = net.ParseIP(to)
}

func byName(services, address string) string {
	host, _, _ := net.SplitHostPort(address)
	return strings.ReplaceAll(services, host+":", name+":")
}

func TestAPauseWhileANameIsLookedUpLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	p := newIDP(t, w.here+":0", time.Hour, "h2")
	known := newNames(w, w.here)
	n := start(t, p, byName(loginAt(p, "s"), p.address), w.inside()...)
	known.once(func() { n.stop(15 * time.Second) })
	if err := n.token("s"); err != nil {
		t.Logf("the caller got %v", err) // it has waited for as long as it may
	}
	n.until("the login cannot be refreshed", func() bool { return n.refresh("s") == nil })
	p.judge()
}

// The name means another machine now. The one before still answers, but has nothing to
// give any more.
func TestANameThatMovesIsFound(t *testing.T) {
	for _, protocol := range []string{"http/1.1", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			w := newWire(t)
			before := newIDP(t, w.here+":0", time.Hour, protocol)
			_, port, _ := net.SplitHostPort(before.address)
			w.must("ip", "addr", "add", w.more, "dev", w.outer)
			after := newIDP(t, net.JoinHostPort(w.more, port), time.Hour, protocol)
			known := newNames(w, w.here)
			services := byName(clientAt(before, "s"), before.address) + byName(clientAt(before, "other"), before.address)
			w.must("ip", "-n", w.space, "route", "add", w.more, "dev", "wire")
			before.ca += after.ca
			n := start(t, before, services, w.inside()...)
			for _, service := range []string{"s", "other"} {
				if err := n.token(service); err != nil {
					t.Fatal(err)
				}
			}
			known.move(w.more)
			before.retire()
			_ = n.refresh("s")
			begun := time.Now()
			n.until("the name is not found again", func() bool { return n.refresh("s") == nil && n.refresh("other") == nil })
			if took := time.Since(begun); took > 30*time.Second {
				t.Errorf("it took %s", took)
			}
			if len(after.connections()) == 0 {
				t.Error("the machine that the name means now was not asked")
			}
		})
	}
}
