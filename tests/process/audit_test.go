//go:build linux

package process

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// audited is a node with an audit at a place.
const audited = `
listen: ["unix://SOCK"]
log: {format: json}
audit: {path: PLACE}
services: {a: {provider: static, token: abc}}
`

// smallDisk mounts a disk with room for 64 KiB at the directory.
func smallDisk(t *testing.T, dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can mount a small disk")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tokend-test", dir, "tmpfs", 0, "size=64k,mode=0700"); err != nil {
		t.Skipf("NOT TESTED: no disk can be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// wholeLines returns the lines of an audit, which must all be whole.
func wholeLines(t *testing.T, text []byte) (lines int, dropped float64) {
	t.Helper()
	if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
		t.Errorf("the last line is torn: %.200q", text[max(0, len(text)-200):])
	}
	for line := range bytes.Lines(text) {
		var record struct {
			Decision string
			Dropped  float64
		}
		if err := json.Unmarshal(line, &record); err != nil {
			t.Errorf("%v in %.200q", err, line)
		}
		if lines++; record.Decision == "dropped" {
			lines--
			dropped += record.Dropped
		}
	}
	return lines, dropped
}

// TestAnAuditOnAFullDiskHasWholeLines fills the disk of the audit by the audit itself,
// and makes room again.
func TestAnAuditOnAFullDiskHasWholeLines(t *testing.T) {
	n := newNode(t, strings.Replace(audited, "PLACE", "DIR/disk/audit", 1))
	smallDisk(t, n.file("disk"))
	if err := os.WriteFile(n.file("disk/other"), make([]byte, 20<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	reads, writes := pipe(t)
	heard := listen(reads)
	n.start("", nil, writes)
	_ = writes.Close()
	n.serves("a")
	asked := 1.0
	for range 600 {
		if status, _, err := n.get("/v1/token/a"); err != nil || status != http.StatusOK {
			t.Fatalf("status %d, %v", status, err)
		}
		asked++
	}
	n.eventually("lines are lost", func() bool { asked++; return n.metric("tokend_audit_lines_dropped_total") > 0 })
	text, err := os.ReadFile(n.file("disk/audit"))
	if err != nil {
		t.Fatal(err)
	}
	wholeLines(t, text)
	if err := os.Remove(n.file("disk/other")); err != nil {
		t.Fatal(err)
	}
	n.serves("a")
	n.eventually("it tells that it goes on", func() bool { return len(heard.find("msg", "the audit can be written again")) == 1 })
	dropped := n.metric("tokend_audit_lines_dropped_total")
	n.stops(10 * time.Second)
	<-heard.ended
	if told := heard.find("msg", "the audit cannot be written"); len(told) != 1 || told[0]["level"] != "error" {
		t.Errorf("it tells %v", told)
	}
	text, err = os.ReadFile(n.file("disk/audit"))
	if err != nil {
		t.Fatal(err)
	}
	if lines, lost := wholeLines(t, text); lost != dropped || lines < 100 {
		t.Errorf("%d lines, and %v told as lost of %v", lines, lost, dropped)
	}
}

// TestAnAuditThatIsNotReadBlocksNothing has the audit go to a pipe that no one reads, and
// the log to the same one.
func TestAnAuditThatIsNotReadBlocksNothing(t *testing.T) {
	for name, both := range map[string]bool{"the audit alone": false, "the log too": true} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, strings.Replace(audited, "PLACE", "stdout", 1))
			reads, writes := pipe(t)
			fill(t, writes)
			stderr := writes
			if !both {
				stderr = nil
			}
			n.start("", writes, stderr)
			_ = writes.Close()
			n.serves("a")
			for range 300 {
				if status, _, err := n.get("/v1/token/a"); err != nil || status != http.StatusOK {
					t.Fatalf("status %d, %v", status, err)
				}
			}
			if status, _, err := ask(n.Context(), n.client(), http.MethodPost, "http://localhost/v1/reload"); err != nil || status != http.StatusOK {
				t.Errorf("reload: %d, %v", status, err)
			}
			n.stops(10 * time.Second)
			text, err := io.ReadAll(reads)
			if err != nil || !bytes.HasPrefix(text, []byte("xxx")) {
				t.Errorf("%v, %.100q", err, text)
			}
		})
	}
}

// TestAnAuditGoesOnWhenItIsRead has its reader stop for a while.
func TestAnAuditGoesOnWhenItIsRead(t *testing.T) {
	n := newNode(t, strings.Replace(audited, "PLACE", "stdout", 1))
	reads, writes := pipe(t)
	fill(t, writes)
	n.start("", writes, nil)
	_ = writes.Close()
	n.serves("a")
	for range 50 {
		n.serves("a")
	}
	heard := listen(reads)
	n.eventually("all lines are there", func() bool { return len(heard.find("decision", "granted")) >= 51 })
	n.stops(10 * time.Second)
}

func TestWhatAnAuditCannotBe(t *testing.T) {
	n := newNode(t, strings.Replace(audited, "PLACE", "DIR/fifo", 1))
	if err := syscall.Mkfifo(n.file("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	reads, writes := pipe(t)
	n.start("", nil, writes)
	_ = writes.Close()
	text, err := io.ReadAll(reads)
	if err != nil || !strings.Contains(string(text), "not a regular file") || bytes.Count(text, []byte("\n")) != 1 {
		t.Errorf("%v, %q", err, text)
	}
	<-n.ended
}

// TestRefusalsDoNotFillTheAudit asks for what is not granted, very often.
func TestRefusalsDoNotFillTheAudit(t *testing.T) {
	n := newNode(t, strings.Replace(strings.Replace(audited, "PLACE", "DIR/audit", 1), "services:", fmt.Sprintf(
		"clients: [{name: me, uid: %d, grants: [{services: [a], verbs: [get]}]}]\nservices:", os.Getuid()), 1))
	n.start("", nil, nil)
	n.serves("a")
	for range 500 {
		if status, _, err := n.get("/v1/token/b"); err != nil || status != http.StatusForbidden {
			t.Fatalf("status %d, %v", status, err)
		}
		n.serves("a")
	}
	n.stops(10 * time.Second)
	text, err := os.ReadFile(n.file("audit"))
	if err != nil {
		t.Fatal(err)
	}
	if granted := bytes.Count(text, []byte(`"granted"`)); granted != 501 {
		t.Errorf("%d lines of what was granted", granted)
	}
	if refused := bytes.Count(text, []byte(`"refused"`)); refused > 10*2+2 || !bytes.Contains(text, []byte(`"repeated":`)) {
		t.Errorf("%d lines of what was refused", refused)
	}
}
