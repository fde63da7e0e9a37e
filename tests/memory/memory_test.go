//go:build linux

package memory

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const (
	many = 1000 // services
	busy = 10   // of them, whose tokens are asked for again and again

	few    = many / 4 // tokens that may be found where they lie sealed
	rounds = 100      // of work until there are that few
)

// TestTheMemoryOfANodeHoldsNoTokenThatLies looks for all tokens in the memory of a
// node, as a core dump would show it. Where memory is plain each is there; where it
// is sealed only copies are that nobody holds any more: of answers of the identity
// provider and to callers, until something else is written over them.
func TestTheMemoryOfANodeHoldsNoTokenThatLies(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may look into the memory of a node, so that is not tested")
	}
	plain := start(t, "plain")
	if found := plain.look(); found.tokens != many-busy {
		t.Errorf("only %d tokens are found where all lie plain: this does not look at the right place", found.tokens)
	}
	plain.stop()

	sealed := start(t, "sealed")
	found := sealed.look()
	for range rounds {
		if found.tokens <= few {
			break
		}
		sealed.work()
		found = sealed.look()
	}
	if found.tokens > few {
		t.Errorf("%d tokens are found where they lie sealed", found.tokens)
	}
	if found.key > 0 {
		t.Error("the vault's key is in the memory")
	}
	sealed.stop()
	sealed.lookAtFiles()
}

// findings is how often something was found in a node's memory.
type findings struct {
	tokens int // that were found at all, of those that nobody asks for
	copies int // of those
	coded  int // beginnings of tokens in base64
	secret int // the client's
	key    int // the vault's, as it is
	text   int // the vault's, as it is written
}

// look looks for secrets in the memory of the node.
func (n *node) look() findings {
	n.Helper()
	image, seen := n.image(), map[int]int{}
	for rest := image; ; {
		_, after, more := bytes.Cut(rest, []byte(canary+"."))
		if !more {
			break
		}
		rest = after
		var number int
		if _, err := fmt.Sscanf(string(after[:min(4, len(after))]), "%d", &number); err == nil && number >= busy &&
			bytes.HasPrefix(after, []byte(token(number)[len(canary)+1:])) {
			seen[number]++
		}
	}
	f := findings{
		tokens: len(seen), coded: bytes.Count(image, []byte(base64.StdEncoding.EncodeToString([]byte(canary)))),
		secret: bytes.Count(image, []byte(clientSecret)), key: bytes.Count(image, rawKey(n)), text: bytes.Count(image, []byte(vaultKey)),
	}
	for _, copies := range seen {
		f.copies += copies
	}
	n.Logf("%d of %d tokens in %d MiB, in %d copies; as base64 %d; client secret %d; vault key %d, as text %d",
		f.tokens, many-busy, len(image)>>20, f.copies, f.coded, f.secret, f.key, f.text)
	return f
}

// TestNoOtherProcessMayReadTheMemoryOfANode looks at whose the files of the process
// are: root's, if nobody else may attach to it.
func TestNoOtherProcessMayReadTheMemoryOfANode(t *testing.T) {
	n := start(t, "sealed", asSomebody)
	defer n.stop()
	for _, file := range []string{"mem", "maps", "environ"} {
		info, err := os.Stat(n.proc(file))
		if err != nil {
			t.Fatal(err)
		}
		if st := info.Sys().(*syscall.Stat_t); st.Uid != 0 {
			t.Errorf("%s belongs to uid %d", file, st.Uid)
		}
	}
	limits, err := os.ReadFile(n.proc("limits"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(limits)) {
		if rest, ok := strings.CutPrefix(line, "Max core file size"); ok && strings.Join(strings.Fields(rest), " ") != "0 0 bytes" {
			t.Errorf("core dumps: %s", line)
		}
	}
}

// work has the node do what overwrites its garbage: hand out some of the tokens and
// tell of all services, again and again.
func (n *node) work() {
	n.Helper()
	for i := range 1000 {
		n.get(fmt.Sprintf("/v1/token/s%04d", i%busy))
		if i%100 == 0 {
			n.get("/v1/services")
		}
	}
}

// lookAtFiles looks for secrets in all that the node has written.
func (n *node) lookAtFiles() {
	n.Helper()
	files, err := filepath.Glob(filepath.Join(n.dir, "vault", "*"))
	if err != nil || len(files) == 0 {
		n.Fatalf("no files: %v", err)
	}
	texts := map[string][]byte{"the log": n.log.Bytes()}
	for _, path := range files {
		if texts[path], err = os.ReadFile(path); err != nil {
			n.Fatal(err)
		}
	}
	for name, text := range texts {
		for _, secret := range []string{canary, clientSecret, vaultKey, string(rawKey(n))} {
			if bytes.Contains(text, []byte(secret)) {
				n.Errorf("a secret in %s", name)
			}
		}
	}
	if !bytes.Contains(texts[filepath.Join(n.dir, "vault", "tokens")], []byte("s0999")) {
		n.Error("the file has not even the records")
	}
}

func (n *node) get(path string) []byte {
	n.Helper()
	resp, err := n.client.Get("http://node" + path)
	if err != nil {
		n.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		n.Fatalf("%s: %s, %v", path, resp.Status, err)
	}
	return body.Bytes()
}
