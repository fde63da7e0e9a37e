package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// ears hear what a program tells its service manager.
type ears struct {
	mu     sync.Mutex
	states []string
}

func listen(t *testing.T, path string) *ears {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	e, done := &ears{}, make(chan struct{})
	go func() {
		defer close(done)
		for buf := make([]byte, 4096); ; {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			e.mu.Lock()
			e.states = append(e.states, string(buf[:n]))
			e.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return e
}

func (e *ears) count(state string) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.states {
		if s == state {
			n++
		}
	}
	return n
}

// deployed writes the configuration of deploy/systemd for a machine that is all in
// the node's directory, with what systemd would make there.
func deployed(t *testing.T, n *node, idp *idp) (config string) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/systemd/tokend.yaml")
	if err != nil {
		t.Fatal(err)
	}
	credentials, private := filepath.Join(n.dir, "credentials"), filepath.Join(n.dir, "private")
	for _, dir := range []string{credentials, private} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	// With DynamicUser= this is a link, too.
	if err := os.Symlink(private, filepath.Join(n.dir, "state")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(credentials, "vault.key"), tool(t, "", n.dir, tokend(t), "vault", "key", "new"))
	write(t, filepath.Join(credentials, "billing"), secret+"\n")
	config = filepath.Join(n.dir, "tokend.yaml")
	write(t, config, strings.NewReplacer(
		"/run/tokend/tokend.sock", n.socket, "/run/credentials/tokend.service", credentials,
		"/var/lib/tokend/", n.dir+"/state/", "127.0.0.1:7460", freePort(t),
		"https://idp.example/oauth2/token", idp.URL+"/token/600", "uid: 0,", fmt.Sprintf("uid: %d,", os.Getuid()),
	).Replace(string(text)))
	return config
}

// A node that is started as tokend.service starts it serves on the socket that it was
// given, tells when it is ready and when it stops, and leaves the socket alone.
func TestANodeUnderSystemd(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	idp, n := newIdP(t), &node{dir: place(t)}
	n.socket = filepath.Join(n.dir, "s")
	config := deployed(t, n, idp)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: n.socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	fd, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = fd.Close() }()
	heard := listen(t, filepath.Join(n.dir, "notify"))
	n.daemon = start(t, "bash", []string{"-c", `LISTEN_PID=$$ exec "$@"`, "-", tokend(t), "serve", "--config", config}, []string{
		"LISTEN_FDS=1", "NOTIFY_SOCKET=" + filepath.Join(n.dir, "notify"), "WATCHDOG_USEC=300000",
	}, fd)
	n.until(t, "it is not ready", func() bool { return heard.count("READY=1") == 1 })
	n.until(t, "the watchdog is not told", func() bool { return heard.count("WATCHDOG=1") >= 3 })
	if got := n.must(t, "tokend get billing"); !idp.lives(got) {
		t.Error("the token does not live")
	}
	n.stop()
	<-n.ended
	if heard.count("STOPPING=1") != 1 {
		t.Errorf("it has told %q", heard.states)
	}
	for _, file := range []string{n.socket, filepath.Join(n.dir, "private", "vault.db")} {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
}
