// Package kill ends processes that keep tokens, without warning and at any moment,
// and looks at what they leave behind.
package kill

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tokend/actors/vault/disk"
	"tokend/messages"
)

const (
	// helperEnv is set in the processes that are killed: to the path of the vault.
	helperEnv = "TOKEND_KILL_VAULT"
	// killsEnv says how many are.
	killsEnv = "TOKEND_KILLS"

	fewKills = 50
	key      = "6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(helperEnv); path != "" {
		serve(path)
	}
	if path := os.Getenv(rotateEnv); path != "" {
		rotate(path)
	}
	os.Exit(m.Run())
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

// kills returns how many processes are to be killed.
func kills(t *testing.T) int {
	t.Helper()
	text := os.Getenv(killsEnv)
	if text == "" {
		return fewKills
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", killsEnv, err)
	}
	return n
}

// witness knows what the processes have said.
type witness struct {
	*testing.T
	path                string
	acked               map[string]int // number of the last state that was safe, by service
	states, taken, warm int
}

// killOne starts a node, kills it and checks what it said and what it left.
func (w *witness) killOne() {
	cmd := exec.CommandContext(w.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), helperEnv+"="+w.path)
	var log bytes.Buffer
	cmd.Stderr = &log
	said, err := cmd.StdoutPipe()
	if err != nil {
		w.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.Fatal(err)
	}
	// The moment is random from before the vault is open to long after.
	bullet := time.AfterFunc(rand.N(400*time.Millisecond), func() { _ = cmd.Process.Kill() })
	defer bullet.Stop()
	for lines := bufio.NewScanner(said); lines.Scan(); {
		w.hear(lines.Text())
	}
	if err := cmd.Wait(); err == nil {
		w.Errorf("the node ended by itself\n%s", &log)
	}
	if strings.Contains(log.String(), canary) {
		w.Errorf("a secret in the log:\n%s", &log)
	}
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
	text, err := os.ReadFile(w.path)
	if os.IsNotExist(err) {
		return // killed before it was made
	}
	if err != nil || bytes.Contains(text, []byte(canary)) {
		w.Errorf("a secret in the file, or %v", err)
	}
	if len(text) == 0 {
		return
	}
	k, err := disk.ParseKey(messages.NewSecret(key))
	if err != nil {
		w.Fatal(err)
	}
	entries, err := disk.Inspect(w.path, []disk.Key{k})
	if err != nil && len(w.acked) > 0 {
		w.Error(err)
	}
	for _, e := range entries {
		if e.Err != nil {
			w.Errorf("%s: %v", e.Key.Service, e.Err)
		}
	}
}
