package system

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/messages"
)

// referring returns a configuration of that many services, each of which refers to
// the file of its number that path names.
func referring(n int, path func(i int) string) *config.Config {
	cfg := &config.Config{Services: make(map[string]config.Service, n)}
	for i := range n {
		cfg.Services[fmt.Sprintf("s%05d", i)] = config.Service{
			Provider: "vending", Settings: config.Settings{Eager: new(true)},
			Options: config.NewTree(map[string]any{"secret": "${file:" + path(i) + "}"}),
		}
	}
	return cfg
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// counting makes a system count what it does with files.
func counting(s *System) (stats, reads *atomic.Int64) {
	stats, reads = new(atomic.Int64), new(atomic.Int64)
	stat, read := s.reader.stat, s.reader.read
	s.reader.stat = func(path string) (fs.FileInfo, error) { stats.Add(1); return stat(path) }
	s.reader.read = func(path string) (string, error) { reads.Add(1); return read(path) }
	return stats, reads
}

func start(t *testing.T, s *System) {
	t.Helper()
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func TestASharedFileIsLookedAtOnceARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "secret")
		writeFile(t, file, "first")
		s := newSystem(t, referring(10_000, func(int) string { return file }))
		stats, reads := counting(s)
		start(t, s)
		for _, c := range []struct {
			rounds       time.Duration
			stats, reads int64
		}{{1, 1, 2}, {9, 10, 2}} { // read at the start, and in the first round to be sure
			time.Sleep(c.rounds * watchEvery)
			synctest.Wait()
			if stats.Load() != c.stats || reads.Load() != c.reads {
				t.Errorf("%d stats and %d reads, want %d and %d", stats.Load(), reads.Load(), c.stats, c.reads)
			}
		}
	})
}

func TestWithoutFilesNobodyLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSystem(t, services("a", "b"))
		stats, reads := counting(s)
		start(t, s)
		time.Sleep(time.Hour)
		if stats.Load() != 0 || reads.Load() != 0 {
			t.Errorf("%d stats, %d reads", stats.Load(), reads.Load())
		}
	})
}

func TestTheWatchingEndsWithTheLastFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "secret")
		writeFile(t, file, "first")
		with, without := referring(1, func(int) string { return file }), services("a")
		s := newSystem(t, with)
		stats, _ := counting(s)
		start(t, s)
		for range 3 {
			stats.Store(0)
			time.Sleep(10 * watchEvery)
			synctest.Wait()
			if stats.Load() != 10 {
				t.Errorf("%d looks, want 10", stats.Load())
			}
			apply(t, s, without)
			time.Sleep(time.Hour)
			synctest.Wait()
			if stats.Load() != 10 || s.unwatch != nil {
				t.Errorf("%d looks, want 10 and nobody who looks", stats.Load())
			}
			apply(t, s, with)
		}
	})
}

func apply(t *testing.T, s *System, cfg *config.Config) {
	t.Helper()
	if err := s.Apply(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
}

func TestAFileThatCannotBeLookedAtIsNoChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "secret")
		writeFile(t, file, "first")
		s := newSystem(t, referring(1, func(int) string { return file }))
		_, reads := counting(s)
		var broken atomic.Bool
		stat := s.reader.stat
		s.reader.stat = func(path string) (fs.FileInfo, error) {
			if broken.Load() {
				return nil, errors.New("a disk in trouble")
			}
			return stat(path)
		}
		start(t, s)
		time.Sleep(watchEvery + time.Second)
		synctest.Wait()
		broken.Store(true)
		before := reads.Load()
		time.Sleep(time.Minute)
		if reads.Load() != before {
			t.Error("it was read")
		}
	})
}

// asked is a host's kind whose providers tell which secret they were made with.
type asked struct {
	made, tried []string
	fail        error
	panic       bool
}

func (a *asked) factory(_ string, values map[string]any) (provider.Provider, error) {
	secret := fmt.Sprint(values["secret"])
	a.made = append(a.made, secret)
	if a.panic {
		panic("no such tenant")
	}
	return provider.Func(func(context.Context, provider.Request) (provider.Result, error) {
		a.tried = append(a.tried, secret)
		return provider.Result{AccessToken: messages.NewSecret("t" + fmt.Sprint(len(a.tried))), Lifetime: time.Hour}, nil
	}), a.fail
}

func TestAProviderIsMadeAnewForAChangedFile(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*asked)
		tried string
		log   string
	}{
		"that it can use":     {func(*asked) {}, "[first other]", ""},
		"that it cannot use":  {func(a *asked) { a.fail = errors.New("no key in it") }, "[first first]", "options: no key in it"},
		"that makes it panic": {func(a *asked) { a.panic = true }, "[first first]", "making its provider ended in a panic of type string"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "secret")
				writeFile(t, file, "first")
				a, cfg := &asked{}, referring(1, func(int) string { return file })
				svc := cfg.Services["s00000"]
				svc.Provider = "asked"
				cfg.Services["s00000"] = svc
				log, hook := test.NewNullLogger()
				s := newSystem(t, cfg, WithProvider("asked", a.factory), WithLogger(log))
				start(t, s)
				synctest.Wait()
				c.spoil(a)
				writeFile(t, file+".next", "other")
				if err := os.Rename(file+".next", file); err != nil {
					t.Fatal(err)
				}
				time.Sleep(watchEvery + settleTime)
				synctest.Wait()
				if got := fmt.Sprint(a.tried); got != c.tried {
					t.Errorf("tried with %s, want %s", got, c.tried)
				}
				checkLogged(t, hook, file, c.log)
			})
		})
	}
}

// checkLogged checks the line about a changed file, and the one about what could
// not be made with it.
func checkLogged(t *testing.T, hook *test.Hook, file, failure string) {
	t.Helper()
	var changed, failed *logrus.Entry
	for _, e := range hook.AllEntries() {
		switch {
		case strings.HasPrefix(e.Message, "secrets have changed"):
			changed = e
		case strings.HasPrefix(e.Message, "no provider can be made"):
			failed = e
		}
	}
	if changed == nil || changed.Data["file"] != file || changed.Data["files"] != 1 || changed.Data["services"] != 1 {
		t.Errorf("logged %v", changed)
	}
	if (failed == nil) != (failure == "") || failed != nil && fmt.Sprint(failed.Data[logrus.ErrorKey]) != failure {
		t.Errorf("logged %v, want %q", failed, failure)
	}
}

func TestSumsNeedTheKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	writeFile(t, file, "hush")
	one, two := newReader(), newReader()
	a, ok := one.sum(file)
	b, _ := one.sum(file)
	c, _ := two.sum(file)
	if !ok || a != b || a == c || a == (sum{}) {
		t.Errorf("%x, %x, %x", a, b, c)
	}
}

func BenchmarkRound(b *testing.B) {
	const many = 10_000
	dir := b.TempDir()
	path := func(i int) string { return filepath.Join(dir, fmt.Sprint(i)) }
	for i := range many {
		writeFile(b, path(i), "a secret")
	}
	log, _ := test.NewNullLogger()
	s, err := New(referring(many, path), WithLogger(log), WithProvider("vending", vending))
	if err != nil {
		b.Fatal(err)
	}
	s.takeStock()
	s.lookAround(b.Context()) // reads what was read at the start once more
	b.ReportAllocs()
	for b.Loop() {
		s.lookAround(b.Context())
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*many), "ns/file")
	if err := s.Stop(b.Context()); err != nil {
		b.Fatal(err)
	}
}
