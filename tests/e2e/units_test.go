package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// notHere is the exit code of units/boot where systemd cannot be booted.
const notHere = 77

// installing writes the commands of docs/operations.md by which a node is installed,
// those that want files there and those that want systemd to run, and the one that gives
// the secrets to a command on the stopped node.
func installing(t *testing.T, dir string) {
	t.Helper()
	var files, enabling, verifying []string
	for _, command := range commands(t) {
		switch {
		case strings.HasPrefix(command, "install -"):
			files = append(files, command)
		case strings.HasPrefix(command, "systemctl daemon-reload"), strings.HasPrefix(command, "systemctl enable"):
			enabling = append(enabling, command)
		case strings.HasPrefix(command, "unshare --mount"):
			verifying = append(verifying, command)
		}
	}
	if len(files) < 5 || len(enabling) != 2 || len(verifying) != 1 {
		t.Fatalf("docs/operations.md installs by %q and %q, and verifies by %q", files, enabling, verifying)
	}
	write(t, filepath.Join(dir, "installing"), strings.Join(files, "\n"))
	write(t, filepath.Join(dir, "enabling"), strings.Join(enabling, "\n"))
	write(t, filepath.Join(dir, "verifying"), verifying[0])
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

// booter returns the path of units/boot, which takes root and systemd.
func booter(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("systemd cannot be booted: that takes root")
	}
	for _, program := range []string{"systemctl", "unshare", "setpriv"} {
		need(t, program)
	}
	boot, err := filepath.Abs("units/boot")
	if err != nil {
		t.Fatal(err)
	}
	return boot
}

// told is the token that units/probe got first.
var told = regexp.MustCompile(`(?m)^token: (\w+)$`)

// The units do under systemd itself what is said of them: the node runs as a user of
// its own with the secrets that root has, comes back from whatever ends it, and keeps
// callers waiting meanwhile instead of turning them away.
func TestTheUnitsUnderSystemd(t *testing.T) {
	t.Parallel()
	boot := booter(t)
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

// lingering says yes, by what the machine could be changed by, and that it is there.
const lingering = `#!/bin/bash
for setting in /proc/sys/fs/nr_open /sys/kernel/mm; do [[ ! -w $setting ]] || echo "can write $setting"; done
for device in console kmsg mem watchdog; do [[ ! -e /dev/$device ]] || echo "can open $device"; done
echo booted
exec sleep 300
`

// What a test boots is seen nowhere else, and gone when the test is killed. Whoever
// clears up then must not come upon the control groups of the machine.
func TestNothingIsLeftOfASystemdThatIsKilled(t *testing.T) {
	t.Parallel()
	boot, dir := booter(t), place(t)
	probe, said := filepath.Join(dir, "probe"), filepath.Join(dir, "said")
	write(t, probe, lingering)
	if err := errors.Join(os.Chmod(probe, 0o755), os.Mkdir(filepath.Join(dir, "source"), 0o755)); err != nil {
		t.Fatal(err)
	}
	var cmd *exec.Cmd
	d := startAs(t, func(c *exec.Cmd) { cmd = c }, boot, []string{dir}, nil)
	until(t, "systemd has not been booted", func() bool {
		select {
		case <-d.ended:
			if cmd.ProcessState.ExitCode() == notHere {
				t.Skipf("systemd cannot be booted here: %s", d.said.String())
			}
			t.Fatal("boot has ended")
		default:
		}
		text, err := os.ReadFile(said)
		return err == nil && strings.HasSuffix(string(text), "booted\n")
	})
	if text, err := os.ReadFile(said); err != nil || string(text) != "booted\n" {
		t.Errorf("%v, what is booted %s", err, text)
	}
	if sees("/proc/self/mountinfo", dir) {
		t.Error("what is mounted for it is mounted for all")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	until(t, "what it has started has not ended", func() bool { return !seen(t, dir) })
	group := fmt.Sprintf("%s/tokend-e2e-%d", dir, cmd.Process.Pid)
	tool(t, "", dir, "unshare", "--mount", "sh", "-c", `mount -t cgroup2 cgroup2 "$1" && test ! -e "$2"`, "sh", dir, group)
}

// seen reports whether a process has anything mounted in a directory.
func seen(t *testing.T, dir string) bool {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/mountinfo")
	if err != nil || len(all) == 0 {
		t.Fatalf("%v, there are no processes", err)
	}
	return slices.ContainsFunc(all, func(file string) bool { return sees(file, dir) })
}

// sees reports whether a list of mounts names a directory. A process that has ended has
// no list.
func sees(mountinfo, dir string) bool {
	text, _ := os.ReadFile(mountinfo)
	return strings.Contains(string(text), dir+"/")
}
