package access

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheAuditsReaderMayGo has a node write to a pipe that nobody reads any more.
func TestTheAuditsReaderMayGo(t *testing.T) {
	n := prepare(t)
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = to.Close() }()
	if err := from.Close(); err != nil {
		t.Fatal(err)
	}
	n.stdout = to
	n.run(t, strings.Replace(n.configured(""), "audit: {path: audit}", "audit: {path: stdout}", 1))
	for range 3 {
		n.good(t)
	}
}

// TestTheAuditIsForItsOwner looks at the mode that a running node gives the file.
func TestTheAuditIsForItsOwner(t *testing.T) {
	n := start(t, "")
	n.good(t)
	n.audited(t, 2)
	info, err := os.Stat(filepath.Join(n.dir, "audit"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, mode %v", err, info.Mode())
	}
}
