package reload

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	reloads   = 100
	pause     = 100 * time.Millisecond // between two reloads
	workers   = 10
	each      = 19 * time.Millisecond // between two requests of a worker: over 500 a second of all
	untouched = 10                    // services
)

// load asks for the tokens of services that no reload touches.
type load struct {
	clients []*http.Client // over one address each
	asked   atomic.Int64
	failed  atomic.Int64
	first   atomic.Pointer[string] // failure
	stop    chan struct{}
	all     sync.WaitGroup
}

func (l *load) run() {
	l.stop = make(chan struct{})
	for w := range workers {
		l.all.Go(func() {
			tick := time.NewTicker(each)
			defer tick.Stop()
			for i := w; ; i++ {
				select {
				case <-l.stop:
					return
				case <-tick.C:
					l.ask(l.clients[w%len(l.clients)], fmt.Sprintf("untouched-%d", i%untouched))
				}
			}
		})
	}
}

func (l *load) ask(client *http.Client, service string) {
	status, body, err := request(client, http.MethodGet, "/v1/token/"+service)
	l.asked.Add(1)
	if want := `{"access_token":"` + service + `-1",`; err != nil || status != http.StatusOK || !strings.HasPrefix(body, want) {
		l.failed.Add(1)
		text := fmt.Sprintf("%s: status %d, error %v, %s", service, status, err, body)
		l.first.CompareAndSwap(nil, &text)
	}
}

func (l *load) end() {
	close(l.stop)
	l.all.Wait()
	for _, c := range l.clients {
		c.CloseIdleConnections()
	}
}

// turn is the configuration of reload number i: services come, go and change, and so
// do clients, listeners, hosts, limits and the log's level; the fourth of every four is broken.
func (i *idp) turn(dir string, n int) string {
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "listen: [\"unix://%s/s\", \"unix://%s/t\"", dir, dir)
	if n%2 == 1 {
		_, _ = fmt.Fprintf(&b, ", \"unix://%s/u\", \"tcp://127.0.0.1:0\"", dir)
	}
	_, _ = fmt.Fprintf(&b, "]\nhosts: [h%d.example]\nlog: {level: %s}\nlimits: {connections: %d}\n", n, []string{"info", "warn"}[n%2], 1000+n)
	if n%3 == 1 {
		_, _ = fmt.Fprintf(&b, "clients: [{name: me, uid: %d, grants: [{services: [\"*\"], verbs: [admin]}]}]\n", os.Geteuid())
	}
	_, _ = fmt.Fprintf(&b, "defaults: {eager: true}\nservices:\n")
	for u := range untouched {
		name := fmt.Sprintf("untouched-%d", u)
		b.WriteString(i.service(name, name))
	}
	b.WriteString(i.service("changed", fmt.Sprintf("changed-%d", n)))
	for extra := range n % 5 {
		name := fmt.Sprintf("extra-%d-%d", n, extra)
		b.WriteString(i.service(name, name))
	}
	if n%4 == 3 {
		b.WriteString("  broken: {provider: static}\n")
	}
	return b.String()
}

var goroutines = regexp.MustCompile(`(?m)^go_goroutines (\d+)$`)

// weight returns how many goroutines and open files the node has.
func (n *node) weight() (routines, files int) {
	n.Helper()
	_, metrics := n.ask(http.MethodGet, "/metrics")
	found := goroutines.FindStringSubmatch(metrics)
	if found == nil {
		n.Fatal("the metrics have no goroutines")
	}
	routines, err := strconv.Atoi(found[1])
	if err != nil {
		n.Fatal(err)
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.process.Pid))
	if err != nil && runtime.GOOS == "linux" {
		n.Fatal(err)
	}
	return routines, len(open) // none where they cannot be seen
}

// most returns the most that the node weighs within some looks: it may look at its
// files just then, or end a connection.
func (n *node) most() (routines, files int) {
	n.Helper()
	const looks = 20
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range looks {
		nowRoutines, nowFiles := n.weight()
		routines, files = max(routines, nowRoutines), max(files, nowFiles)
		<-tick.C
	}
	return routines, files
}

// settle returns the least that the node weighs within some time: it may have
// connections that are just ending.
func (n *node) settle(routines, files int) (leastRoutines, leastFiles int) {
	n.Helper()
	tick, end := time.NewTicker(50*time.Millisecond), time.After(patience/2)
	defer tick.Stop()
	for {
		leastRoutines, leastFiles = n.weight()
		if leastRoutines <= routines && leastFiles <= files {
			return leastRoutines, leastFiles
		}
		select {
		case <-tick.C:
		case <-end:
			return leastRoutines, leastFiles
		}
	}
}

func TestReloadsUnderLoadDisturbNobody(t *testing.T) {
	dir, idp := place(t), newIdP(t)
	put(t, filepath.Join(dir, "c.yaml"), idp.turn(dir, 0))
	n := start(t, dir, "c.yaml")
	l := &load{clients: []*http.Client{through(n.socket()), through(filepath.Join(dir, "t"))}}
	for u := range untouched {
		n.serves(fmt.Sprintf("untouched-%d", u))
	}
	n.reload(idp.turn(dir, 0), http.StatusOK)
	idp.CloseClientConnections()
	routines, files := n.most()
	l.run()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for i := range reloads {
		want := http.StatusOK
		if i%4 == 3 {
			want = http.StatusBadRequest
		}
		n.reload(idp.turn(dir, i), want)
		<-tick.C
	}
	n.reload(idp.turn(dir, 0), http.StatusOK)
	l.end()
	idp.CloseClientConnections()
	if first := l.first.Load(); first != nil {
		t.Errorf("%d of %d requests failed, the first with %s", l.failed.Load(), l.asked.Load(), *first)
	}
	if asked := l.asked.Load(); asked < reloads {
		t.Errorf("%d requests: that is no load", asked)
	}
	for u := range untouched {
		if name := fmt.Sprintf("untouched-%d", u); idp.count(name) != 1 {
			t.Errorf("%s was acquired %d times", name, idp.count(name))
		}
	}
	nowRoutines, nowFiles := n.settle(routines, files)
	if nowRoutines > routines || nowFiles > files {
		t.Errorf("%d goroutines became %d, %d open files became %d", routines, nowRoutines, files, nowFiles)
	}
	t.Logf("%d requests during %d reloads, %d failed; goroutines %d before, %d after; open files %d before, %d after",
		l.asked.Load(), reloads, l.failed.Load(), routines, nowRoutines, files, nowFiles)
}

func (n *node) reload(text string, want int) {
	n.Helper()
	n.write(text)
	if status, body := n.ask(http.MethodPost, "/v1/reload"); status != want {
		n.Errorf("status %d, want %d: %s", status, want, body)
	}
}
