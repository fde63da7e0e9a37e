//go:build unix

package access

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// checked is a configuration that names a file of each kind, all of which are as they
// should be.
const checked = `
vault: {path: DIR/state/vault.db, keys: ["${file:DIR/secrets/vault.key}"]}
services:
  billing:
    provider: client_credentials
    token_url: https://idp.example/token
    client_id: probe
    client_secret: ${file:DIR/secrets/billing}
  tool: {provider: exec, command: [DIR/bin/tool]}
  sunk: {provider: static, token: "${file:DIR/secrets/token}", sinks: [{path: DIR/sinks/token, on_change: {exec: [DIR/bin/hook]}}]}
`

// furnish makes what the configuration names, and returns the configuration's file.
func furnish(t *testing.T, n *node) string {
	t.Helper()
	for _, dir := range []string{"state", "secrets", "bin", "sinks"} {
		if err := os.Mkdir(filepath.Join(n.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]os.FileMode{
		"secrets/vault.key": 0o600, "secrets/billing": 0o600, "secrets/token": 0o600, "bin/tool": 0o755, "bin/hook": 0o755,
	} {
		if err := os.WriteFile(filepath.Join(n.dir, name), []byte(vaultKey), mode); err != nil {
			t.Fatal(err)
		}
	}
	return n.file(t, strings.ReplaceAll(checked, "DIR", n.dir))
}

// check says what may be read or changed by whom it should not be. That changes nothing
// about the exit code.
func TestCheckSaysWhoElseCanReadOrChangeWhatIsUsed(t *testing.T) {
	chmod := func(name string, mode os.FileMode) func(*testing.T, string) error {
		return func(_ *testing.T, dir string) error { return os.Chmod(filepath.Join(dir, name), mode) }
	}
	chown := func(name string, uid, gid int) func(*testing.T, string) error {
		return func(t *testing.T, dir string) error {
			needRoot(t)
			return os.Lchown(filepath.Join(dir, name), uid, gid)
		}
	}
	const stranger = userOfNothing + 100_000
	for name, c := range map[string]struct {
		expose func(t *testing.T, dir string) error
		want   string // after "tokend: warning: "; DIR is the directory; empty: nothing is told
	}{
		"nothing":                 {chmod("secrets/billing", 0o400), ""},
		"a secret for everyone":   {chmod("secrets/billing", 0o644), "services.billing: everyone can read DIR/secrets/billing (mode 0644)"},
		"a key of the vault":      {chmod("secrets/vault.key", 0o604), "vault.keys: everyone can read DIR/secrets/vault.key"},
		"a secret to be changed":  {chmod("secrets/token", 0o602), "services.sunk: others can change DIR/secrets/token: everyone can write to"},
		"a secret of another":     {chown("secrets/billing", stranger, -1), "services.billing: others can change DIR/secrets/billing: DIR/secrets/billing belongs to another user"},
		"a directory of secrets":  {chmod("secrets", 0o777), "others can change DIR/secrets/"},
		"a program":               {chmod("bin/tool", 0o777), "services.tool.exec.command: others can change a program that tokend runs: everyone can write to DIR/bin/tool"},
		"a program of another":    {chown("bin/tool", stranger, -1), "services.tool.exec.command: others can change a program"},
		"a hook":                  {chmod("bin/hook", 0o757), "services.sunk.sinks[0].on_change.exec: others can change a program"},
		"a directory of programs": {chmod("bin", 0o777), "others can change a program that tokend runs: everyone can write to DIR/bin (mode 0777)"},
		"a directory of sinks":    {chown("sinks", stranger, -1), "services.sunk.sinks[0].path: others can change its directory: DIR/sinks belongs to another user"},
		"the configuration":       {chmod("tokend.yaml", 0o666), "others can change the configuration: everyone can write to DIR/tokend.yaml"},
		"the configuration of another": {
			chown("tokend.yaml", stranger, -1), "others can change the configuration: DIR/tokend.yaml belongs to another user",
		},
		"its directory": {func(t *testing.T, dir string) error { return os.Chmod(dir, 0o777|os.ModeSetgid) }, ""}, // the vault is refused then
		"a group's secret": {func(t *testing.T, dir string) error {
			return errors.Join(chown("secrets/billing", -1, stranger)(t, dir), chmod("secrets/billing", 0o640)(t, dir))
		}, "services.billing: group 165003 can read DIR/secrets/billing (mode 0640)"},
		"a secret in the configuration that everyone can read": {func(_ *testing.T, dir string) error {
			file := filepath.Join(dir, "tokend.yaml")
			text, err := os.ReadFile(file)
			err = errors.Join(err, os.WriteFile(file, append(text, "  plain: {provider: static, token: t0ken}\n"...), 0o600))
			return errors.Join(err, os.Chmod(file, 0o644))
		}, "DIR/tokend.yaml: everyone can read DIR/tokend.yaml (mode 0644), and a secret stands in it"},
		"no secret in it": {chmod("tokend.yaml", 0o644), ""},
		"a client who is everybody": {func(_ *testing.T, dir string) error {
			file := filepath.Join(dir, "tokend.yaml")
			text, err := os.ReadFile(file)
			return errors.Join(err, os.WriteFile(file, append(text, "listen: [{address: \"unix://"+dir+"/s\", mode: \"0666\"}]\nclients: [{name: c, uid: 65534, grants: [{services: [billing], verbs: [get]}]}]\n"...), 0o600))
		}, "client c: uid 65534 is shared by all who are not mapped"},
	} {
		t.Run(name, func(t *testing.T) {
			n := prepare(t)
			file := furnish(t, n)
			if err := c.expose(t, n.dir); err != nil {
				t.Fatal(err)
			}
			code, said := run(t, "check", "--config", file)
			if name == "its directory" {
				if code != 2 {
					t.Errorf("exit code %d: %s", code, said)
				}
				return
			}
			var warned []string
			for line := range strings.Lines(said) {
				if text, ok := strings.CutPrefix(strings.TrimSpace(line), "tokend: warning: "); ok {
					warned = append(warned, strings.ReplaceAll(text, n.dir, "DIR"))
				}
			}
			if code != 0 || (c.want == "") != (len(warned) == 0) || len(warned) > 1 || c.want != "" && !strings.Contains(warned[0], c.want) {
				t.Errorf("exit code %d, %q, want %q\n%s", code, warned, c.want, said)
			}
			if strings.Contains(said, "t0ken") {
				t.Errorf("a secret shows in %s", said)
			}
		})
	}
}
