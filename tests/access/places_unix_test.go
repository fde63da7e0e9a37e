//go:build unix

package access

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tokend/tests/fakes/program"
)

// vaultKey is 32 bytes of base64.
const vaultKey = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

// run runs the built program to its end, and returns its exit code and what it said.
func run(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program.File(t), args...).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), string(out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0, string(out)
}

// A node that would serve, keep tokens or write its audit where others can change the
// directory does not start, and check says so before.
func TestDirectoriesThatOthersCanChangeAreRefused(t *testing.T) {
	files := map[string]string{
		"listen[0].address": `listen: [{address: "unix://PLACE/s"TRUST}]`,
		"vault.path":        `vault: {path: PLACE/vault.db, keys: ["` + vaultKey + `"]TRUST}`,
		"audit.path":        `audit: {path: PLACE/audit.logTRUST}`,
	}
	for name, turn := range map[string]func(t *testing.T, dir string) error{
		"everyone's":       func(_ *testing.T, dir string) error { return os.Chmod(dir, 0o777) },
		"an emptyDir":      func(_ *testing.T, dir string) error { return os.Chmod(dir, 0o777|fs.ModeSetgid) },
		"below everyone's": func(_ *testing.T, dir string) error { return os.Chmod(filepath.Dir(dir), 0o777) },
		"of another user":  func(t *testing.T, dir string) error { needRoot(t); return os.Chown(dir, userOfNothing+100_000, -1) },
		"below another user's": func(t *testing.T, dir string) error {
			needRoot(t)
			return os.Chown(filepath.Dir(dir), userOfNothing+100_000, -1)
		},
		"another group's": func(t *testing.T, dir string) error {
			needRoot(t)
			return errors.Join(os.Chown(dir, -1, userOfNothing), os.Chmod(dir, 0o775))
		},
	} {
		for key, line := range files {
			t.Run(name+", "+key, func(t *testing.T) {
				n := prepare(t)
				dir := filepath.Join(n.dir, "a", "b")
				if err := errors.Join(os.MkdirAll(dir, 0o755), turn(t, dir)); err != nil {
					t.Fatal(err)
				}
				config := func(trust string) string {
					text := strings.NewReplacer("PLACE", dir, "TRUST", trust).Replace(line)
					if key != "listen[0].address" {
						text = "listen: [tcp://127.0.0.1:0]\n" + text
					}
					return n.file(t, text+"\nservices:\n  billing: {provider: static, token: t0ken}\n")
				}
				file := config("")
				for _, command := range []string{"check", "serve"} {
					code, said := run(t, command, "--config", file)
					if code != 2 || !strings.Contains(said, key+": others can change its directory") {
						t.Errorf("%s: exit code %d, %s", command, code, said)
					}
				}
				if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
					t.Errorf("it left %v, %v", left, err)
				}
				if code, said := run(t, "check", "--config", config(", trust_directory: true")); code != 0 {
					t.Errorf("trusted: exit code %d, %s", code, said)
				}
			})
		}
	}
}

// As root, check takes a directory of a service's user for the node's own.
func TestRootChecksTheNodeOfAnotherUser(t *testing.T) {
	needRoot(t)
	for uid, want := range map[int]int{998: 0, 61184: 0, 65519: 0, 1000: 2, 65534: 2} {
		n := prepare(t)
		dir := filepath.Join(n.dir, "state")
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, uid, -1)); err != nil {
			t.Fatal(err)
		}
		file := n.file(t, fmt.Sprintf("vault: {path: %s/vault.db, keys: [%q]}\nservices:\n  billing: {provider: static, token: t0ken}\n", dir, vaultKey))
		if code, said := run(t, "check", "--config", file); code != want {
			t.Errorf("uid %d: exit code %d, %s", uid, code, said)
		}
	}
}
