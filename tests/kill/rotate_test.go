package kill

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"tokend/actors/vault"
	"tokend/actors/vault/disk"
	"tokend/messages"
)

// rotateEnv is set in the processes that are killed while they rotate the key of
// the vault: to its path.
const rotateEnv = "TOKEND_KILL_ROTATE"

const anotherKey = "7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c"

// rotate gives the vault one new data key after the other, wrapped by one key and
// by the other in turn.
func rotate(path string) {
	keys := bothKeys()
	for fmt.Println("rotating"); ; {
		keys[0], keys[1] = keys[1], keys[0]
		if _, err := disk.Rotate(path, keys); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
}

func bothKeys() []disk.Key {
	var keys []disk.Key
	for _, text := range []string{key, anotherKey} {
		k, err := disk.ParseKey(messages.NewSecret(text))
		if err != nil {
			panic(err)
		}
		keys = append(keys, k)
	}
	return keys
}

// TestAKilledRotationLeavesTheOldFileOrTheNew kills rotations at any of their steps.
func TestAKilledRotationLeavesTheOldFileOrTheNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault", "tokens")
	fill(t, path)
	leftovers := 0
	for range kills(t) {
		killRotation(t, path)
		if text, err := os.ReadFile(path + ".new"); err == nil {
			leftovers++
			if bytes.Contains(text, []byte(canary)) {
				t.Error("a secret in the new file")
			}
		}
		entries, err := disk.Inspect(path, bothKeys())
		if err != nil || len(entries) != services {
			t.Fatalf("%d records, %v", len(entries), err)
		}
		for _, e := range entries {
			if e.Err != nil || e.Generation != 7 {
				t.Fatalf("%s: generation %d, %v", e.Key.Service, e.Generation, e.Err)
			}
		}
	}
	if leftovers == 0 {
		t.Error("none was killed with the new file half made: nothing was tested")
	}
	t.Logf("%d kills, %d of them with the new file half made", kills(t), leftovers)
}

// fill makes a vault with some records.
func fill(t *testing.T, path string) {
	t.Helper()
	mem, err := vault.New(vault.MemorySealed)
	if err != nil {
		t.Fatal(err)
	}
	s, err := disk.Open(disk.Options{Path: path, Keys: bothKeys(), Vault: mem, Log: logrus.StandardLogger()})
	if err != nil {
		t.Fatal(err)
	}
	for i := range services {
		s.Save(&vault.Record{
			Key: vault.Key{Service: fmt.Sprintf("s%02d", i)}, Generation: 7, Revision: 1,
			AccessToken: mem.Seal(vault.Label{}, messages.NewSecret(canary)),
		})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// killRotation starts this program as one that rotates, and kills it at some moment
// after it has begun.
func killRotation(t *testing.T, path string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), rotateEnv+"="+path)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said, err := bufio.NewReader(stdout).ReadString('\n')
	bullet := time.AfterFunc(rand.N(30*time.Millisecond), func() { _ = cmd.Process.Kill() })
	defer bullet.Stop()
	if ended := cmd.Wait(); said != "rotating\n" || err != nil || cmd.ProcessState.ExitCode() == 1 {
		t.Fatalf("it ended by itself: %q, %v, %v", said, err, ended)
	}
}
