package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tokend/system/access"
)

func record(service string) access.Record {
	return access.Record{
		Time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Client: "ci", Identity: access.KindKey, From: "127.0.0.1:1",
		Listener: "tcp", Verb: "get", Service: service, Decision: access.Granted, Fingerprint: "0123456789ab", Generation: 7,
	}
}

// services returns those of the lines in text; lines about loss are "-N".
func services(t *testing.T, text string) (names []string) {
	t.Helper()
	for line := range strings.Lines(text) {
		var r struct {
			access.Record
			Dropped int
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		if r.Decision == "dropped" {
			r.Service = "lost"
		}
		names = append(names, r.Service)
	}
	return names
}

func TestALineIsToTheLetter(t *testing.T) {
	defer goleak.VerifyNone(t)
	path := filepath.Join(t.TempDir(), "audit")
	l, err := Open(path, Options{Failing: func(text string) { t.Error(text) }})
	if err != nil {
		t.Fatal(err)
	}
	l.Audit(record("billing"))
	l.Close()
	l.Close()             // twice is harmless
	l.Audit(record("no")) // and so is a late one
	text, err := os.ReadFile(path)
	want := `{"time":"2026-03-01T12:00:00Z","client":"ci","identity":"key","from":"127.0.0.1:1","listener":"tcp","verb":"get","service":"billing","decision":"granted","fingerprint":"0123456789ab","generation":7}` + "\n"
	if err != nil || string(text) != want {
		t.Errorf("%v\ngot  %swant %s", err, text, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 && os.PathSeparator == '/' {
		t.Errorf("%v, mode %v", err, info.Mode())
	}
}

func TestLinesAreAppended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit")
	for _, name := range []string{"a", "b"} {
		l, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		l.Audit(record(name))
		l.Close()
	}
	text, err := os.ReadFile(path)
	if got := services(t, string(text)); err != nil || strings.Join(got, " ") != "a b" {
		t.Errorf("%v, %q", err, got)
	}
}

func TestAFileThatWasMovedAwayIsOpenedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		path, moved := filepath.Join(dir, "audit"), filepath.Join(dir, "audit.1")
		l, err := Open(path, Options{Failing: func(text string) { t.Error(text) }})
		if err != nil {
			t.Fatal(err)
		}
		write := func(name string) {
			l.Audit(record(name))
			synctest.Wait()
		}
		write("before")
		if err := os.Rename(path, moved); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second - time.Nanosecond)
		write("not-yet")
		time.Sleep(time.Nanosecond)
		write("after")
		l.Close()
		for file, want := range map[string]string{moved: "before not-yet", path: "after"} {
			text, err := os.ReadFile(file)
			if got := strings.Join(services(t, string(text)), " "); err != nil || got != want {
				t.Errorf("%s: %v, %q, want %q", filepath.Base(file), err, got, want)
			}
		}
	})
}

func TestWithoutAPlaceLinesGoWhereTheyWent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "d")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		reports := 0
		l, err := Open(filepath.Join(dir, "audit"), Options{Failing: func(string) { reports++ }})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(dir, dir+"2"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		l.Audit(record("a"))
		synctest.Wait()
		l.Close()
		text, err := os.ReadFile(filepath.Join(dir+"2", "audit"))
		if got := services(t, string(text)); err != nil || len(got) != 1 || reports != 1 {
			t.Errorf("%v, %q, %d reports", err, got, reports)
		}
	})
}

// broken fails as often as it is told to, having written a little.
type broken struct {
	mu    sync.Mutex
	fails int
	text  bytes.Buffer
}

func (b *broken) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fails > 0 {
		b.fails--
		n, _ := b.text.Write(p[:3])
		return n, errors.New("no space left")
	}
	return b.text.Write(p)
}

func TestWhatCannotBeWrittenIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			reports []string
			over    int
			lost    atomic.Uint64
		)
		b := &broken{fails: 2}
		l := To(b, Options{
			Failing: func(text string) { reports = append(reports, text) }, Over: func(string) { over++ }, Lost: &lost,
		})
		for _, name := range []string{"a", "b", "c", "d"} {
			l.Audit(record(name))
			synctest.Wait()
		}
		l.Close()
		rest := strings.SplitN(b.text.String(), "\n", 3)[2] // behind two torn lines
		if got := strings.Join(services(t, rest), " "); got != "lost c d" || !strings.Contains(rest, `"dropped":2}`) {
			t.Errorf("got %q", b.text.String())
		}
		if len(reports) != 1 || !strings.Contains(reports[0], "no space left") {
			t.Errorf("reports %q", reports)
		}
		if over != 1 || lost.Load() != 2 {
			t.Errorf("told %d times that it is over, %d lines lost", over, lost.Load())
		}
	})
}

// stuck is a writer that waits.
type stuck struct {
	entered, free chan struct{}
	text          bytes.Buffer
}

func (s *stuck) Write(p []byte) (int, error) {
	s.entered <- struct{}{}
	<-s.free
	return s.text.Write(p)
}

func TestAuditNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lost atomic.Uint64
		s := &stuck{entered: make(chan struct{}, 1<<16), free: make(chan struct{})}
		l := To(s, Options{Lost: &lost})
		l.Audit(record("first"))
		<-s.entered
		for range queueLength + 5 {
			l.Audit(record("more"))
		}
		close(s.free)
		l.Close()
		lines := services(t, s.text.String())
		if len(lines) != 1+queueLength+1 || !strings.Contains(s.text.String(), `"dropped":5}`) {
			t.Errorf("%d lines", len(lines))
		}
		if lost.Load() != 5 {
			t.Errorf("%d lines lost", lost.Load())
		}
	})
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir, Options{}); err == nil {
		t.Error("a directory is taken")
	}
	if _, err := Open(filepath.Join(dir, "no", "audit"), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat("/dev/null"); err == nil {
		if _, err := Open("/dev/null", Options{}); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("error %v", err)
		}
	}
}
