package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// startGiven runs a node at a socket DIR/s that a service manager has opened, and
// goes on holding open, as that does.
func startGiven(t *testing.T, yaml string) *reloadedNode {
	t.Helper()
	n := prepareReloading(t, nil)
	held, err := net.Listen("unix", filepath.Join(n.dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = held.Close() })
	file, err := held.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	l, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	n.given = inherited{configured(l.Addr()): l}
	n.begin(yaml)
	return n
}

// A start with such a configuration would fail, and the node could not have the
// address back.
func TestASocketOfTheServiceManagerCannotBeGivenUp(t *testing.T) {
	n := startGiven(t, oneSocket+serviceA)
	n.refuses("listen: [\"unix://DIR/t\"]\n"+serviceA, "listen")
	n.refuses("listen: [{address: \"unix://DIR/s\", name: other}]\n"+serviceA, "listen[0].name")
	n.gets(n.connect("s"), "/v1/token/a", http.StatusOK)
	n.becomes("listen: [\"unix://DIR/t\", \"unix://DIR/s\"]\n" + serviceA)
	n.becomes(oneSocket + serviceA)
	n.gets(n.connect("s"), "/v1/token/a", http.StatusOK)
}

// Its permissions are the service manager's, whatever a configuration says. A group
// that there is not stays a mistake, for check cannot know which sockets are given.
func TestTheModeOfASocketOfTheServiceManagerStays(t *testing.T) {
	n := startGiven(t, oneSocket+serviceA)
	path := filepath.Join(n.dir, "s")
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	n.refuses("listen: [{address: \"unix://DIR/s\", group: there-is-no-such-group}]\n"+serviceA, "listen[0].group")
	n.becomes("listen: [{address: \"unix://DIR/s\", mode: \"0611\", group: \"4242\"}]\n" + serviceA)
	if now, err := os.Stat(path); err != nil || now.Mode() != before.Mode() {
		t.Errorf("%v, %v", now, err)
	}
	n.gets(n.connect("s"), "/v1/token/a", http.StatusOK)
}
