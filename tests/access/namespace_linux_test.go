package access

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tokend/tests/fakes/program"
)

// everyone is a node without clients, whose socket everyone may open.
const everyone = `
listen: [{address: "unix://DIR/s", mode: "0666"}]
log: {format: json}
services:
  billing: {provider: static, token: t0ken-of-billing}
`

// In a user namespace all users who are not mapped look the same: a node that is not
// mapped itself must not take them for its own user.
func TestUsersWhoAreNotMappedGetNothing(t *testing.T) {
	needRoot(t)
	for name, c := range map[string]struct {
		attributes *syscall.SysProcAttr
		uid        uint32 // of who asks
		want       int
	}{
		"no user is mapped, a stranger asks": {&syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}, userOfNothing, 403},
		"only root is mapped, a stranger asks": {&syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
		}, userOfNothing, 403},
		"only root is mapped, root asks": {&syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}},
		}, 0, 200},
	} {
		t.Run(name, func(t *testing.T) {
			n := prepare(t)
			n.addresses = []string{socket: filepath.Join(n.dir, "s")}
			cmd := exec.CommandContext(t.Context(), program.File(t), "serve", "--config", n.file(t, strings.ReplaceAll(everyone, "DIR", n.dir)))
			cmd.SysProcAttr = c.attributes
			cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
			log, err := cmd.StderrPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Skipf("NOT TESTED: there are no user namespaces here: %v", err)
			}
			lines := bufio.NewScanner(log)
			for lines.Scan() && !strings.Contains(lines.Text(), `"serving"`) {
				continue
			}
			if got := n.askAs(t, c.uid, c.uid, request("GET", "/v1/token/billing")); got.status != c.want {
				t.Errorf("status %d: %s", got.status, got.body)
			}
			_ = cmd.Process.Signal(syscall.SIGTERM)
			for lines.Scan() {
				continue
			}
			_ = cmd.Wait() // how it ends is tested elsewhere
		})
	}
}
