package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"tokend/config"
)

// sluggish is a reader that does what it is told to.
type sluggish struct {
	mu      sync.Mutex
	text    bytes.Buffer
	stopped chan struct{}               // it reads on when this is closed; nil: it reads
	write   func(p []byte) (int, error) // how it answers; nil: it takes all
}

func (s *sluggish) Write(p []byte) (int, error) {
	if s.stopped != nil {
		<-s.stopped
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.write == nil {
		return s.text.Write(p)
	}
	n, err := s.write(p)
	s.text.Write(p[:n])
	return n, err
}

// taken returns what was written.
func (s *sluggish) taken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// says does what is to be done with write.
func (s *sluggish) says(write func(p []byte) (int, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write = write
}

// queued returns an outlet in a bubble that ends with it.
func queued(t *testing.T, to io.Writer) *outlet {
	o := newOutlet(to)
	o.queue()
	t.Cleanup(func() { close(o.more) })
	return o
}

func TestLinesThatAreNotReadAreDroppedAndTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sluggish{stopped: make(chan struct{})}
		o := queued(t, s)
		const lines, long = 3000, 1000
		for i := range lines {
			_, _ = fmt.Fprintf(o, "%04d%s\n", i, strings.Repeat("x", long-5))
		}
		dropped := o.dropped.Load()
		if kept := lines - dropped; dropped == 0 || kept*(long+lineCost) > outletRoom || (kept+2)*(long+lineCost) < outletRoom {
			t.Errorf("%d of %d lines are kept", kept, lines)
		}
		close(s.stopped)
		synctest.Wait()
		_, _ = io.WriteString(o, "afterwards\n")
		synctest.Wait()
		got := strings.Split(strings.TrimSuffix(s.taken(), "\n"), "\n")
		for i, line := range got[:lines-dropped] {
			if !strings.HasPrefix(line, fmt.Sprintf("%04d", i)) {
				t.Fatalf("line %d is %.10q", i, line)
			}
		}
		end := strings.Join(got[lines-dropped:], "\n")
		if want := strings.TrimSuffix(string(plainLost(dropped)), "\n") + "\nafterwards"; end != want {
			t.Errorf("then it says %.200q, want %q", end, want)
		}
	})
}

func TestAReaderThatTakesALineNowAndThenIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := make(chan struct{})
		s := &sluggish{stopped: turns}
		o := queued(t, s)
		line := []byte(strings.Repeat("x", 999) + "\n")
		for range 100 {
			for range 20 {
				_, _ = o.Write(line)
			}
			turns <- struct{}{}
			synctest.Wait()
		}
		close(turns)
		synctest.Wait()
		if told := strings.Count(s.taken(), textLost); told != 1 {
			t.Errorf("told %d times", told)
		}
		if got := strings.Count(s.taken(), "\n") - 1; uint64(got)+o.dropped.Load() != 2000 {
			t.Errorf("%d lines written, %d dropped", got, o.dropped.Load())
		}
	})
}

func TestWhatTakesNoLinesIsOutlived(t *testing.T) {
	half := func(err error) func(p []byte) (int, error) {
		return func(p []byte) (int, error) { return len(p) / 2, err }
	}
	nothing := func(err error) func(p []byte) (int, error) {
		return func([]byte) (int, error) { return 0, err }
	}
	tests := map[string]struct {
		write func(p []byte) (int, error)
		want  string
	}{
		"a pipe whose reader is gone":    {nothing(syscall.EPIPE), "a\nLOSTd\n"},
		"a terminal that has hung up":    {nothing(syscall.EIO), "a\nLOSTd\n"},
		"a full disk":                    {nothing(syscall.ENOSPC), "a\nLOSTd\n"},
		"a disk that is full in the end": {half(syscall.ENOSPC), "a\nb\nLOSTd\n"},
		"a closed file":                  {nothing(errors.New("closed")), "a\nLOSTd\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &sluggish{}
				o := queued(t, s)
				say := func(text string) {
					if n, err := io.WriteString(o, text); n != len(text) || err != nil {
						t.Errorf("%d, %v", n, err)
					}
					synctest.Wait()
				}
				say("a\n")
				s.says(tt.write)
				say("bb\n")
				s.says(nothing(syscall.EPIPE))
				say("cc\n")
				time.Sleep(time.Hour) // nothing is tried meanwhile
				s.says(nil)
				say("d\n")
				want := strings.Replace(tt.want, "LOST", string(plainLost(2)), 1)
				if got := s.taken(); got != want || o.dropped.Load() != 2 {
					t.Errorf("%q, want %q; %d dropped", got, want, o.dropped.Load())
				}
			})
		})
	}
}

func TestAFullPipeThatRefusesIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, tries := &sluggish{}, 0
		s.write = func(p []byte) (int, error) {
			if tries++; tries < 4 {
				return 1, syscall.EAGAIN
			}
			return len(p), nil
		}
		o := queued(t, s)
		_, _ = io.WriteString(o, "a line\n")
		time.Sleep(3*fullPause - time.Nanosecond)
		synctest.Wait()
		if got := s.taken(); got != "a l" {
			t.Errorf("early: %q", got)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if got := s.taken(); got != "a line\n" || o.dropped.Load() != 0 {
			t.Errorf("%q", got)
		}
	})
}

func TestAFlushIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sluggish{stopped: make(chan struct{})}
		o := queued(t, s)
		o.flush() // nothing is there
		_, _ = io.WriteString(o, "a\n")
		begun := time.Now()
		o.flush()
		if took := time.Since(begun); took != lastAnswers {
			t.Errorf("it takes %v", took)
		}
		time.AfterFunc(lastAnswers-time.Nanosecond, func() { close(s.stopped) })
		o.flush()
		if got := s.taken(); got != "a\n" {
			t.Errorf("%q when it is flushed", got)
		}
	})
}

func TestTheLineAboutLostOnesIsOneOfTheLog(t *testing.T) {
	for name, tt := range map[string]struct {
		format string
		colour bool
		want   string
	}{
		"text":     {"text", false, `level=warning msg="` + textLost + `" dropped=1`},
		"JSON":     {"json", false, `{"dropped":1,"level":"warning","msg":"` + textLost},
		"terminal": {"text", true, textLost},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &sluggish{}
				o := queued(t, s)
				o.coloured = tt.colour
				log := newLogger(o, config.Log{Level: "info", Format: "json"})
				s.says(func([]byte) (int, error) { return 0, syscall.EPIPE })
				log.Info("a")
				synctest.Wait()
				setLog(log, config.Log{Level: "error", Format: tt.format}) // as a reload does
				s.says(nil)
				log.Error("b")
				synctest.Wait()
				if lines := strings.Split(s.taken(), "\n"); len(lines) != 3 || !strings.Contains(lines[0], tt.want) {
					t.Errorf("it says %q", lines)
				}
			})
		})
	}
}

func TestLinesOnATerminalShowTheTimeOfDay(t *testing.T) {
	for coloured, want := range map[bool]string{true: "[10:11:12]", false: `time="2026-03-01T10:11:12Z"`} {
		e := logrus.NewEntry(logrus.New())
		e.Time, e.Message = time.Date(2026, 3, 1, 10, 11, 12, 0, time.UTC), "hello"
		text, err := formatter("text", coloured).Format(e)
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("coloured %v: %q, %v", coloured, text, err)
		}
	}
}
