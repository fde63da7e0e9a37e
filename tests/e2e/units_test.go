package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// notHere is the exit code of units/boot where systemd cannot be booted.
const notHere = 77

// installing writes the commands that docs/operations.md installs a node by, those
// that want files there and those that want systemd to run.
func installing(t *testing.T, dir string) {
	t.Helper()
	var files, enabling []string
	for _, command := range commands(t) {
		switch {
		case strings.HasPrefix(command, "install -"):
			files = append(files, command)
		case strings.HasPrefix(command, "systemctl daemon-reload"), strings.HasPrefix(command, "systemctl enable"):
			enabling = append(enabling, command)
		}
	}
	if len(files) < 5 || len(enabling) != 2 {
		t.Fatalf("docs/operations.md installs by %q and %q", files, enabling)
	}
	write(t, filepath.Join(dir, "installing"), strings.Join(files, "\n"))
	write(t, filepath.Join(dir, "enabling"), strings.Join(enabling, "\n"))
}

// source makes what a checkout has after make build, with an identity provider and a
// port that there are.
func source(t *testing.T, dir string, idp *idp) {
	t.Helper()
	err := os.CopyFS(filepath.Join(dir, "deploy"), os.DirFS("../../deploy"))
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, "bin"), 0o755)
	}
	if err == nil {
		err = os.Link(tokend(t), filepath.Join(dir, "bin", "tokend"))
	}
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "deploy", "systemd", "tokend.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, strings.NewReplacer(
		"https://idp.example/oauth2/token", idp.URL+"/token/600", "127.0.0.1:7460", freePort(t),
	).Replace(string(text)))
}

// told is the token that units/probe got first.
var told = regexp.MustCompile(`(?m)^token: (\w+)$`)

// The units do under systemd itself what is said of them: the node runs as a user of
// its own with the secrets that root has, comes back from whatever ends it, and keeps
// callers waiting meanwhile instead of turning them away.
func TestTheUnitsUnderSystemd(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("systemd cannot be booted: that takes root")
	}
	need(t, "systemctl")
	need(t, "unshare")
	boot, err := filepath.Abs("units/boot")
	if err != nil {
		t.Fatal(err)
	}
	dir, idp := place(t), newIdP(t)
	installing(t, dir)
	source(t, filepath.Join(dir, "source"), idp)
	write(t, filepath.Join(dir, "secret"), secret)
	tool(t, "", dir, "cp", filepath.Join(filepath.Dir(boot), "probe"), dir)
	said, err := exec.CommandContext(t.Context(), boot, dir).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == notHere {
		t.Skipf("systemd cannot be booted here: %s", said)
	}
	text, err := os.ReadFile(filepath.Join(dir, "said"))
	if err != nil || !strings.Contains(string(text), "\nall is well\n") {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		t.Fatalf("%v, %s\n%s\n%s", err, said, text, log)
	}
	if token := told.FindStringSubmatch(string(text)); token == nil || !idp.lives(token[1]) {
		t.Error("the token does not live")
	}
	if !strings.Contains(string(text), "vault: 600\n") {
		t.Errorf("the vault is not for the node alone: %s", text)
	}
}
