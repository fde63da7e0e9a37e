package pauses

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
)

// wire connects a network namespace of its own with this one. It can be cut.
type wire struct {
	*testing.T
	space      string // the namespace
	here, away string // addresses of its ends
	more       string // another one that may be given to this end
	outer      string // the device here
}

var wires atomic.Int32

// newWire makes a wire, which needs root and a few programs.
func newWire(t *testing.T) *wire {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can cut a node off: nothing is known of cuts here")
	}
	for _, program := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("SKIPPED: %s is not installed, see tests/pauses/install: nothing is known of cuts here", program)
		}
	}
	number := wires.Add(1)
	id := fmt.Sprintf("%x-%d", os.Getpid(), number)
	net := fmt.Sprintf("198.18.%d.%d", os.Getpid()%250, 4*(number%60))
	prefix := net[:strings.LastIndex(net, ".")+1]
	last := 4 * (number % 60)
	inner, outer := "i"+id, "o"+id
	w := &wire{
		T: t, space: "tp" + id, outer: outer, here: fmt.Sprintf("%s%d", prefix, last+1), away: fmt.Sprintf("%s%d", prefix, last+2),
		more: strings.Replace(fmt.Sprintf("%s%d", prefix, last+1), "198.18.", "198.19.", 1),
	}
	if said, err := exec.Command("ip", "netns", "add", w.space).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: no network namespace can be made: nothing is known of cuts here: %s", said)
	}
	t.Cleanup(func() { w.must("ip", "netns", "del", w.space) })
	w.must("ip", "link", "add", outer, "type", "veth", "peer", "name", inner)
	w.must("ip", "link", "set", inner, "netns", w.space, "name", "wire")
	w.must("ip", "addr", "add", w.here+"/30", "dev", outer)
	w.must("ip", "link", "set", outer, "up")
	w.must("ip", "-n", w.space, "addr", "add", w.away+"/30", "dev", "wire")
	w.must("ip", "-n", w.space, "link", "set", "wire", "up")
	w.must("ip", "-n", w.space, "link", "set", "lo", "up")
	w.nft("add table inet cut; add chain inet cut in { type filter hook input priority 0; }; add chain inet cut out { type filter hook output priority 0; }")
	return w
}

func (w *wire) must(command ...string) {
	w.Helper()
	if said, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		w.Fatalf("%s: %v: %s", strings.Join(command, " "), err, said)
	}
}

func (w *wire) nft(rules string) {
	w.Helper()
	w.must("ip", "netns", "exec", w.space, "nft", rules)
}

// Directions in which a wire is cut.
const (
	outwards = "add rule inet cut out oifname wire drop"
	inwards  = "add rule inet cut in iifname wire drop"
	bothWays = outwards + "; " + inwards
)

// cut drops in silence what goes in a direction.
func (w *wire) cut(direction string) { w.nft(direction) }

// forget drops what goes over the connections that there are: new ones can be made.
func (w *wire) forget(ports ...string) {
	list := strings.Join(ports, ", ")
	w.nft(fmt.Sprintf("add rule inet cut out tcp sport { %s } drop; add rule inet cut in tcp dport { %s } drop", list, list))
}

// mend ends all cuts.
func (w *wire) mend() { w.nft("flush table inet cut") }

// inside is how a command line begins that runs at the other end.
func (w *wire) inside() []string { return []string{"ip", "netns", "exec", w.space} }
