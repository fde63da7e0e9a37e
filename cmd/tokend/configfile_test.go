package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	logtest "github.com/sirupsen/logrus/hooks/test"

	"tokend/actors/local"
	"tokend/config"
	"tokend/system/metrics"
)

// looked is a reloader that looks at a file and counts what it tries to load.
type looked struct {
	*testing.T
	file  string
	loads atomic.Int64
	shut  atomic.Bool // the file may not be read
}

var errShut = errors.New("permission denied")

func (l *looked) read(path string, limit int64) ([]byte, error) {
	if l.shut.Load() {
		return nil, errShut
	}
	return local.ReadFile(path, limit)
}

// watching runs f while a reloader looks at a file that holds one.
func watching(t *testing.T, f func(l *looked)) {
	t.Helper()
	l := &looked{T: t, file: filepath.Join(t.TempDir(), "c.yaml")}
	l.write("one")
	synctest.Test(t, func(t *testing.T) {
		log, _ := logtest.NewNullLogger()
		r := &reloader{
			file: configFile{path: l.file, read: l.read}, log: log, metrics: metrics.NewReloads(time.Now()),
			asked: make(chan chan<- outcome), ended: make(chan struct{}),
			load: func() (*config.Config, error) {
				l.loads.Add(1)
				return nil, &config.FieldError{Path: "version", Message: "is wrong"}
			},
		}
		r.file.note()
		ctx, cancel := context.WithCancel(t.Context())
		go r.run(ctx, nil)
		f(l)
		cancel()
		<-r.ended
	})
}

// write changes the file, at the time that is in the bubble: by that of the file system
// two writes of a test may be one.
func (l *looked) write(text string) {
	l.Helper()
	if err := errors.Join(os.WriteFile(l.file, []byte(text), 0o600), os.Chtimes(l.file, time.Time{}, time.Now())); err != nil {
		l.Fatal(err)
	}
}

// after lets time pass, and wants so many loads to have been tried in all.
func (l *looked) after(d time.Duration, loads int64) {
	l.Helper()
	time.Sleep(d)
	synctest.Wait()
	if got := l.loads.Load(); got != loads {
		l.Errorf("%d loads, want %d", got, loads)
	}
}

func TestAChangedFileIsLoadedWhenItHasSettled(t *testing.T) {
	watching(t, func(l *looked) {
		l.after(configEvery, 0)
		l.write("two")
		l.after(configEvery+configSettles-1, 0)
		l.after(1, 1)
		l.after(time.Hour, 1)
	})
}

func TestAFileIsNotLoadedWhileItIsWritten(t *testing.T) {
	watching(t, func(l *looked) {
		l.write("tw")
		l.after(configEvery, 0)
		l.write("two")
		l.after(configSettles, 0)
		l.after(configEvery+configSettles-1, 0)
		l.after(1, 1)
	})
}

func TestAFileThatIsWrittenAnewWithTheSameIsNotLoaded(t *testing.T) {
	watching(t, func(l *looked) {
		l.write("two")
		l.after(configEvery, 0)
		l.write("one")
		l.after(time.Hour, 0)
	})
}

func TestAFileThatIsGoneIsTriedOnce(t *testing.T) {
	watching(t, func(l *looked) {
		if err := os.Remove(l.file); err != nil {
			l.Fatal(err)
		}
		l.after(time.Hour, 1)
		l.write("one")
		l.after(configEvery+configSettles, 2)
		l.after(time.Hour, 2)
	})
}

// Whoever lets the node read a file changes neither what it holds nor its times.
func TestAFileThatMayNotBeReadIsTriedWhenItMay(t *testing.T) {
	watching(t, func(l *looked) {
		l.shut.Store(true)
		l.write("two")
		l.after(time.Hour, 1)
		l.shut.Store(false)
		l.after(configEvery+configSettles, 2)
		l.after(time.Hour, 2)
	})
}
