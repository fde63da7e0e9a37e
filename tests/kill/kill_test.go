// Package kill ends processes that keep tokens, without warning and at any moment,
// and looks at what they leave behind.
package kill

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tokend/actors/vault/disk"
	"tokend/tests/fakes/program"
)

const (
	// helperEnv is set in the processes that are killed: to the path of the vault.
	helperEnv = "TOKEND_KILL_VAULT"
	// killsEnv says how many are.
	killsEnv = "TOKEND_KILLS"

	fewKills = 50

	key = "6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b"
)

func TestMain(m *testing.M) {
	switch path, url := os.Getenv(helperEnv), os.Getenv(idpEnv); {
	case path != "" && url != "":
		serveLogins(path, url)
	case path != "":
		serve(path)
	}
	if path := os.Getenv(rotateEnv); path != "" {
		rotate(path)
	}
	os.Exit(program.Run(m))
}

// TestAKilledNodeLeavesNothingBroken kills one node after the other. Each goes on
// with what the one before had kept, and tells what it is given and what it serves.
func TestAKilledNodeLeavesNothingBroken(t *testing.T) {
	w := &witness{T: t, path: filepath.Join(t.TempDir(), "vault", "tokens"), acked: map[string]int{}}
	for range kills(t) {
		w.killOne()
		if t.Failed() {
			return
		}
	}
	if w.states == 0 || w.taken == 0 || w.warm == 0 {
		t.Errorf("%d states were acknowledged, %d taken up, %d tokens served by a process that did not acquire them: nothing was tested",
			w.states, w.taken, w.warm)
	}
	t.Logf("%d kills, %d states acknowledged, %d taken up, %d tokens served by a later process", kills(t), w.states, w.taken, w.warm)
}

func kills(t *testing.T) int {
	t.Helper()
	return countOf(t, killsEnv, fewKills)
}

// witness knows what the processes have said.
type witness struct {
	*testing.T
	path                string
	acked               map[string]int // number of the last state that was safe, by service
	states, taken, warm int
	rounds              int
}

// killOne starts a node, kills it and checks what it said and what it left.
func (w *witness) killOne() {
	v := start(w.T, helperEnv+"="+w.path)
	// The moment is random from before the vault is open to long after. A busy machine
	// may take any time for a start, so every other node is first heard.
	w.rounds++
	limit, silent := rand.N(400*time.Millisecond), w.rounds%2 == 0
	first := limit
	if silent {
		first = time.Minute
	}
	bullet := time.AfterFunc(first, v.kill)
	defer bullet.Stop()
	v.listen(func(line string) {
		if silent {
			silent = false
			bullet.Reset(limit)
		}
		w.hear(line)
	})
	w.inspect()
}

// hear checks one line of a node.
func (w *witness) hear(line string) {
	var (
		service string
		number  int
	)
	switch what, rest, _ := strings.Cut(line, " "); what {
	case "previous": // a provider was given its state
		_, _ = fmt.Sscan(rest, &service, &number)
		if number < w.acked[service] {
			w.Errorf("%s: the state %d was safe, and %d came back", service, w.acked[service], number)
		}
		if number > 0 {
			w.taken++
		}
	case "served": // a token was handed out: the state that came with it is safe
		_, _ = fmt.Sscan(rest, &service, &number)
		w.acked[service] = max(w.acked[service], number)
		w.states++
	case "kept": // a token was handed out that an earlier process had acquired
		w.warm++
	default:
		w.Errorf("the node says: %s", line)
	}
}

// inspect looks at the file.
func (w *witness) inspect() {
	text := fileOf(w.T, w.path)
	if len(text) == 0 {
		return
	}
	entries, err := disk.Inspect(w.path, []disk.Key{keyOf(w.T)})
	if err != nil && len(w.acked) > 0 {
		w.Error(err)
	}
	for _, e := range entries {
		if e.Err != nil {
			w.Errorf("%s: %v", e.Key.Service, e.Err)
		}
	}
}
