package pauses

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// cut is one time in which a node is cut off from its identity provider.
type cut struct {
	length    time.Duration
	direction string
	protocol  string
	at        step // of a refresh, when it begins; never: before the refresh
}

func (c cut) String() string {
	way := map[string]string{outwards: "outwards", inwards: "inwards", bothWays: "both ways"}[c.direction]
	when := "before a refresh"
	if c.at != never {
		when = c.at.String()
	}
	return fmt.Sprintf("%s %s %s over %s", c.length, way, when, c.protocol)
}

// cuts are those after which a node can know what became of its request: the server
// has not heard of it.
var cuts = []cut{
	{12 * time.Second, bothWays, "http/1.1", never},
	{12 * time.Second, bothWays, "h2", never},
	{12 * time.Second, outwards, "http/1.1", never},
	{12 * time.Second, outwards, "h2", never},
	{24 * time.Second, bothWays, "http/1.1", never},
	{24 * time.Second, bothWays, "h2", never},
	{12 * time.Second, bothWays, "h2", hello},
	{12 * time.Second, inwards, "http/1.1", accepted},
	{4 * time.Second, bothWays, "http/1.1", read}, // and those that are shorter than its wait
	{4 * time.Second, bothWays, "h2", read},
	{4 * time.Second, inwards, "h2", rotated},
}

// A refresh that is given up while the node is cut off must not reach the server when
// the cut has ended: the next one has been there by then, and has spent the token.
func TestACutLosesNoLogin(t *testing.T) {
	t.Parallel()
	for _, c := range cuts {
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			c.run(t)
		})
	}
}

func (c cut) run(t *testing.T) {
	w := newWire(t)
	p := newIDP(t, w.here+":0", time.Hour, c.protocol)
	n := start(t, p, loginAt(p, "s"), w.inside()...)
	if err := n.token("s"); err != nil {
		t.Fatal(err)
	}
	mended := make(chan struct{})
	sever := func() {
		w.cut(c.direction)
		time.AfterFunc(c.length, func() { w.mend(); close(mended) })
	}
	if c.at == never {
		sever()
	} else {
		p.hangUp()
		time.Sleep(50 * time.Millisecond) // the node closes its end
		p.once(c.at, sever)
	}
	_ = n.refresh("s")
	if err := n.token("s"); err != nil {
		t.Errorf("a caller got %v", err)
	}
	<-mended
	n.until("the login cannot be refreshed any more", func() bool { return n.refresh("s") == nil })
	// What the kernel holds back comes within its longest wait between two tries.
	time.Sleep(c.length / 2)
	if err := n.refresh("s"); err != nil {
		t.Errorf("the login is not alive: %v", err)
	}
	p.judge()
}

// A node that is killed while it is cut off leaves nothing behind that reaches the
// server when the cut has ended: the next one sends the same token.
func TestAKilledNodeLeavesNothingOnItsWay(t *testing.T) {
	for _, protocol := range []string{"http/1.1", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			w := newWire(t)
			p := newIDP(t, w.here+":0", time.Hour, protocol)
			n := start(t, p, loginAt(p, "s"), w.inside()...)
			if err := n.token("s"); err != nil {
				t.Fatal(err)
			}
			w.cut(bothWays)
			gone := make(chan struct{})
			go func() { defer close(gone); _ = n.refresh("s") }()
			time.Sleep(time.Second) // it is sent, and lies in the kernel
			n.signal(syscall.SIGKILL)
			<-gone
			time.Sleep(2 * time.Second)
			w.mend()
			time.Sleep(5 * time.Second) // more than what goes by between two tries of the kernel
			if got := p.grants("s"); got != 1 {
				t.Errorf("the refresh token was exchanged %d times", got)
			}
		})
	}
}

// A request over a connection that was forgotten goes to another one within its time.
func TestARequestLeavesAForgottenConnection(t *testing.T) {
	for _, protocol := range []string{"http/1.1", "h2"} {
		for name, config := range map[string]func(*idp, string) string{"a client": clientAt, "a login": loginAt} {
			t.Run(name+" over "+protocol, func(t *testing.T) {
				t.Parallel()
				w := newWire(t)
				p := newIDP(t, w.here+":0", time.Hour, protocol)
				n := start(t, p, config(p, "s"), w.inside()...)
				if err := n.token("s"); err != nil {
					t.Fatal(err)
				}
				w.forget(p.ports()...)
				if err := n.refresh("s"); err != nil {
					t.Error(err)
				}
				p.judge()
			})
		}
	}
}

// forgetful is how many services share a connection that the other end forgets.
const forgetful = 40

// A connection of HTTP/2 serves all services of a host. When it is forgotten without
// a word, by a firewall or a machine that is gone, each service loses one attempt at
// most, and callers notice nothing.
func TestAForgottenConnectionCostsNoCaller(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	p := newIDP(t, w.here+":0", 8*time.Second, "h2")
	var services strings.Builder
	for i := range forgetful {
		services.WriteString(clientAt(p, fmt.Sprintf("s%d", i)))
	}
	n := start(t, p, services.String(), w.inside()...)
	all := func(ask func(service string)) {
		var group sync.WaitGroup
		for i := range forgetful {
			group.Go(func() { ask(fmt.Sprintf("s%d", i)) })
		}
		group.Wait()
	}
	all(func(s string) {
		if err := n.token(s); err != nil {
			t.Error(err)
		}
	})
	before := p.connections()
	if len(before) != 1 {
		t.Errorf("%d connections for one host", len(before))
	}
	time.Sleep(2 * time.Second)
	all(func(s string) { _ = n.refresh(s) })
	ports := p.ports()
	w.forget(ports...)
	var mu sync.Mutex
	failed := map[string]error{}
	for end := time.Now().Add(25 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		all(func(s string) {
			if err := n.token(s); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed[s] = err
			}
		})
	}
	for s, err := range failed {
		t.Errorf("%s: %v", s, err)
	}
	t.Logf("%d connections after %d", len(p.connections()), len(ports))
}
