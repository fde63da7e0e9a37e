package main

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// serveAs has another user listen at path, and answer with a token.
func serveAs(t *testing.T, uid int, path string) {
	t.Helper()
	runtime.LockOSThread() // the rights are the thread's, and the kernel notes them when it listens
	defer runtime.UnlockOSThread()
	become := func(uid int) {
		if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); e != 0 {
			t.Fatal(e)
		}
	}
	become(uid)
	l, err := net.Listen("unix", path)
	become(0)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"access_token":"abc","token_type":"Bearer"}`))
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can listen as another user; run the tests as root too")
	}
}

// TestASocketOfAStrangerIsNotANode has other users put a socket where a client looks
// for its node.
func TestASocketOfAStrangerIsNotANode(t *testing.T) {
	needRoot(t)
	const stranger, other = 4001, 4002
	tests := map[string]struct {
		uid, owner int         // who listens, and whose the directory is
		mode       os.FileMode // of the directory
		above      int         // whose the directory above is
		env, flag  string
		trusted    bool
	}{
		"a directory like /tmp":               {uid: stranger, mode: 0o777 | os.ModeSticky},
		"one that all may write to":           {uid: stranger, mode: 0o777},
		"one of a group":                      {uid: stranger, mode: 0o775},
		"one of a third user":                 {uid: stranger, owner: other, mode: 0o755},
		"root's, in one of another":           {uid: stranger, mode: 0o755, above: other},
		"the listener's own":                  {uid: stranger, owner: stranger, mode: 0o700, trusted: true},
		"the listener's own, and a group's":   {uid: stranger, owner: stranger, mode: 0o770, trusted: true},
		"root's alone":                        {uid: stranger, mode: 0o755, trusted: true},
		"root listens":                        {uid: 0, owner: other, mode: 0o777, trusted: true},
		"a named listener":                    {uid: stranger, mode: 0o777, flag: "4001", trusted: true},
		"a listener that the environment has": {uid: stranger, mode: 0o777, env: "4001", trusted: true},
		"another is named":                    {uid: stranger, mode: 0o777, env: "4001", flag: "4002"},
		"the listener's own, another named":   {uid: stranger, owner: stranger, mode: 0o755, flag: "4002", trusted: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			above, err := os.MkdirTemp("", "t")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(above) })
			dir := filepath.Join(above, "d")
			check(t, os.Chmod(above, 0o755), os.Mkdir(dir, 0o777), os.Chmod(dir, 0o777))
			serveAs(t, tt.uid, filepath.Join(dir, "s"))
			check(t, os.Chown(above, tt.above, -1), os.Chown(dir, tt.owner, -1), os.Chmod(dir, tt.mode))
			code, out, errs := getAt(t, "unix://"+dir+"/s", tt.env, tt.flag)
			if tt.trusted && (code != exitOK || out != "abc\n") {
				t.Errorf("%d, %s", code, errs)
			}
			if !tt.trusted && (code != exitFailed || out != "" || !strings.HasPrefix(errs, "tokend: untrusted: ") ||
				!strings.Contains(errs, "uid 4001") || !strings.Contains(errs, "--socket-owner or TOKEND_SOCKET_OWNER")) {
				t.Errorf("%d, %q, %s", code, out, errs)
			}
		})
	}
}

// A link in a directory like /tmp leads to the directory of whoever made it: the name
// that the client looks at is not that one's to give.
func TestALinkToTheSocketOfAStrangerIsNotANode(t *testing.T) {
	needRoot(t)
	shared, own := t.TempDir(), filepath.Join(t.TempDir(), "own")
	check(t, os.Mkdir(own, 0o700), os.Chown(own, 4001, 4001), os.Chmod(filepath.Dir(own), 0o755))
	check(t, os.Chmod(filepath.Dir(filepath.Dir(own)), 0o755), os.Chmod(own, 0o777))
	serveAs(t, 4001, filepath.Join(own, "s"))
	check(t, os.Chmod(shared, 0o777|os.ModeSticky), os.Symlink(filepath.Join(own, "s"), filepath.Join(shared, "s")))
	if code, out, errs := getAt(t, "unix://"+shared+"/s", "", ""); code != exitFailed || !strings.HasPrefix(errs, "tokend: untrusted: ") {
		t.Errorf("%d, %q, %s", code, out, errs)
	}
}

// Whom a user namespace does not know looks like nobody in particular, its own user and
// the owners of directories included.
func TestASocketOfWhomANamespaceDoesNotKnow(t *testing.T) {
	needRoot(t)
	dir, err := os.MkdirTemp("", "t")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	check(t, os.Chown(dir, 65534, 65534), os.Chmod(dir, 0o777))
	inside := users{own: 65534, overflow: 65534}
	whole := users{own: 65534, overflow: 65534, whole: true}
	d := socketDialer{path: filepath.Join(dir, "s")}
	named := socketDialer{path: d.path, named: new(uint32(65534))}
	for name, tt := range map[string]struct {
		dialer socketDialer
		uid    uint32
		seen   users
		want   bool
	}{
		"not mapped":             {d, 65534, inside, false},
		"not mapped, but named":  {named, 65534, inside, true},
		"really that user":       {d, 65534, whole, true},
		"a user who is mapped":   {d, 1000, users{own: 1000, overflow: 65534}, true},
		"another who is":         {d, 1001, users{own: 1000, overflow: 65534}, false},
		"root of the namespace":  {d, 0, inside, true},
		"not mapped, root's dir": {socketDialer{path: "/usr/s"}, 65534, inside, true},
	} {
		if got := tt.dialer.trusts(tt.uid, tt.seen); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func check(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// getAt runs get against a node at addr.
func getAt(t *testing.T, addr, env, flag string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p := program{stdout: &out, stderr: &errs, getenv: func(name string) string { return map[string]string{socketOwnerEnv: env}[name] }}
	args := []string{"get", "a", "--addr", addr, "--wait", "1h"} // in vain: it is final
	if flag != "" {
		args = append(args, "--socket-owner", flag)
	}
	code = run(t.Context(), p, args)
	return code, out.String(), errs.String()
}

func TestASocketOwnerIsAUser(t *testing.T) {
	for text, want := range map[string]uint32{"root": 0, "0": 0, "65532": 65532} {
		if got, err := (place{socketOwner: text}).owner(); err != nil || *got != want {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"-1", "4294967296", "no such user", "nobody:nogroup", " 0"} {
		if _, err := (program{getenv: func(string) string { return "" }}).findNode(place{socketOwner: text}); err == nil || !strings.Contains(err.Error(), "--socket-owner: there is no user") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
