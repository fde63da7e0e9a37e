package tests

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

// sunk returns a scripted service with sinks.
func sunk(sinks ...config.Sink) config.Service {
	s := scripted(config.Settings{})
	s.Sinks = &sinks
	return s
}

// only returns the services of a world that has that one alone.
func only(s config.Service) map[string]config.Service { return map[string]config.Service{billing: s} }

// file returns what a file holds, empty if there is none.
func (w *world) file(path string) string {
	w.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		w.Fatal(err)
	}
	return string(text)
}

// current fails the test unless the file holds the newest token of billing.
func (w *world) current(path string) {
	w.Helper()
	issued := w.idp.Issued(billing)
	if len(issued) == 0 || messages.Fingerprint(w.file(path)) != issued[len(issued)-1].Fingerprint {
		w.Fatalf("after %v: the file does not hold the newest of %d tokens", sinceStart(), len(issued))
	}
}

func TestASinkMakesItsServiceEager(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "token")
		w := begin(t, idptest.New(), setup{services: map[string]config.Service{
			billing: sunk(config.Sink{Path: path}),
			"erp":   sunk(config.Sink{Path: path + "s", Format: config.SinkTemplate, Template: config.NewSecret(`{{ token "crm" }}`)}),
			"crm":   scripted(config.Settings{}), "lazy": scripted(config.Settings{}),
		}})
		synctest.Wait()
		w.current(path)
		if !w.info("crm").Eager || w.file(path+"s") == "" || w.info("lazy").Eager {
			t.Errorf("crm: %+v", w.info("crm"))
		}
		if s := w.sys.Sinks(); len(s) != 2 || s[0].Stale || s[0].Service != billing || !slices.Equal(s[1].Services, []string{"crm"}) {
			t.Errorf("%+v", s)
		}
	})
}

// Over twenty lifetimes a reader who looks at every moment finds a living token.
func TestP1AReaderOfAFileNeverSeesADeadToken(t *testing.T) {
	for _, life := range []time.Duration{time.Second, 2 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			idp, path := idptest.New(), filepath.Join(t.TempDir(), "token")
			idp.Play(billing, idptest.Token(life))
			w := begin(t, idp, setup{services: only(sunk(config.Sink{Path: path}))})
			synctest.Wait()
			seen := map[string]bool{}
			for range 20 * life / time.Millisecond {
				print := messages.Fingerprint(w.file(path))
				issued := idp.Issued(billing)
				i := slices.IndexFunc(issued, func(one idptest.Issue) bool { return one.Fingerprint == print })
				if i < 0 || !time.Now().Before(issued[i].Expires) {
					t.Fatalf("after %v: token %d of %d is in the file", sinceStart(), i, len(issued))
				}
				seen[print] = true
				pass(time.Millisecond)
			}
			if len(seen) < 20 {
				t.Errorf("only %d tokens were seen", len(seen))
			}
		})
	}
}

func TestAStaleSinkSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, path := idptest.New(), filepath.Join(t.TempDir(), "token")
		idp.Play(billing, idptest.Token(time.Minute), idptest.Fail(messages.ClassTransient))
		w := begin(t, idp, setup{services: only(sunk(config.Sink{Path: path}))})
		events := w.tape()
		synctest.Wait()
		until(idp.Calls(billing)[0].Add(time.Minute - time.Nanosecond))
		w.current(path)
		pass(time.Nanosecond)
		if w.file(path) != "" {
			t.Error("the file is still there")
		}
		stale := taped[*messages.SinkStale](events)
		if len(stale) != 1 || stale[0].Path != path || stale[0].Remains || stale[0].State != messages.StateExpired || stale[0].Service != billing {
			t.Errorf("%+v", stale)
		}
		if log := w.logs.String(); strings.Count(log, `level=error msg="sink is stale: the token has died, and there is no file"`) != 1 {
			t.Error(log)
		}
		if s := w.sys.Sinks(); !s[0].Stale || s[0].Removals != 1 {
			t.Errorf("%+v", s)
		}
		idp.Play(billing, idptest.Token(time.Hour))
		pass(time.Minute)
		w.current(path)
	})
}

func TestAnInvalidatedTokenLeavesTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, path := idptest.New(), filepath.Join(t.TempDir(), "token")
		idp.Play(billing, idptest.Token(time.Hour), idptest.After(time.Second, idptest.Token(time.Hour)))
		w := begin(t, idp, setup{services: only(sunk(config.Sink{Path: path}))})
		pass(time.Minute)
		go func() { _, _ = w.sys.Invalidate(context.Background(), billing, "") }()
		pass(500 * time.Millisecond)
		if w.file(path) != "" {
			t.Error("the file is still there")
		}
		pass(time.Second)
		w.current(path)
	})
}

func TestApplyTakesSinksAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		one, two, three := filepath.Join(dir, "1"), filepath.Join(dir, "2"), filepath.Join(dir, "3")
		w := begin(t, idptest.New(), setup{})
		w.apply(func(s map[string]config.Service) {
			s[billing] = sunk(config.Sink{Path: one}, config.Sink{Path: two})
			s["erp"] = sunk(config.Sink{Path: three, OnStop: "keep"})
		})
		w.current(one)
		w.current(two)
		w.calls(billing, 1)
		w.apply(func(s map[string]config.Service) {
			s[billing] = sunk(config.Sink{Path: one, Format: config.SinkHeader})
			delete(s, "erp")
		})
		w.calls(billing, 1)
		if got := w.file(one); !strings.HasPrefix(got, "Authorization: Bearer "+idptest.Canary) {
			t.Error("the format has not changed")
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 2 {
			t.Errorf("left: %v", entries)
		}
		if log := w.logs.String(); strings.Contains(log, "stale") {
			t.Error(log)
		}
	})
}

func TestStopAndAWarmStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		keep, gone := filepath.Join(dir, "keep"), filepath.Join(dir, "gone")
		idp := idptest.New()
		s := setup{services: only(sunk(config.Sink{Path: keep}, config.Sink{Path: gone, OnStop: "remove"})), vault: kept(t)}
		w := begin(t, idp, s)
		synctest.Wait()
		w.current(gone)
		w.stop()
		w.current(keep)
		if w.file(gone) != "" {
			t.Error("the file is still there")
		}
		if err := os.Remove(keep); err != nil {
			t.Fatal(err)
		}
		w = begin(t, idp, s)
		synctest.Wait()
		w.current(keep)
		w.current(gone)
		w.calls(billing, 1)
	})
}

// Nothing of a sink whose directory is gone is felt elsewhere.
func TestP5ABrokenSinkDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		bad := filepath.Join(dir, "bad")
		if err := os.Mkdir(bad, 0o700); err != nil {
			t.Fatal(err)
		}
		good := filepath.Join(dir, "good")
		w := begin(t, idptest.New(), setup{services: map[string]config.Service{
			billing: sunk(config.Sink{Path: good}), "erp": sunk(config.Sink{Path: filepath.Join(bad, "token")}),
		}})
		synctest.Wait()
		if err := os.RemoveAll(bad); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Hour)
		w.current(good)
		if s := w.sys.Sinks(); !s[0].Stale || s[0].Failure == "" || s[1].Stale {
			t.Errorf("%+v", s)
		}
		w.token("erp")
		w.apply(func(s map[string]config.Service) { s["crm"] = scripted(config.Settings{}) }) // though the directory is gone
	})
}

func TestSinksThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	template := func(text string) config.Sink {
		return config.Sink{Path: filepath.Join(dir, "t"), Format: config.SinkTemplate, Template: config.NewSecret(text)}
	}
	w := begin(t, idptest.New(), setup{})
	for name, c := range map[string]struct {
		sink config.Sink
		want string
	}{
		"no directory":    {config.Sink{Path: filepath.Join(dir, "none", "t")}, ".path: its directory does not exist"},
		"an open one":     {config.Sink{Path: filepath.Join(open, "t")}, ".path: everyone can write to its directory"},
		"a directory":     {config.Sink{Path: open}, ".path: is a directory"},
		"below a file":    {config.Sink{Path: os.Args[0] + "/t"}, ".path: "},
		"no such user":    {config.Sink{Path: filepath.Join(dir, "t"), Owner: "no-such-user-here"}, ".owner: names a user that there is not"},
		"no such group":   {config.Sink{Path: filepath.Join(dir, "t"), Owner: ":no-such-group-here"}, ".owner: names a group that there is not"},
		"another service": {template(`{{ token "nope" }}`), ".template: uses a service that there is not: nope"},
		"a bad template":  {template(`{{ cAnArY5ecret }}`), ".template: line 1: calls a function that there is not"},
	} {
		err := w.sys.Apply(t.Context(), w.changed(func(s map[string]config.Service) { s["erp"] = sunk(c.sink) }))
		if err == nil || !strings.HasPrefix(err.Error(), "services.erp.sinks[0]"+c.want) || strings.Contains(err.Error(), idptest.Canary) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if runtime.GOOS == "windows" {
		return
	}
	if err := w.sys.Apply(t.Context(), w.changed(func(s map[string]config.Service) {
		s["erp"] = sunk(config.Sink{Path: filepath.Join(dir, "token"), Owner: "0:0"})
	})); (err == nil) != (os.Geteuid() == 0) {
		t.Errorf("an owner, as user %d: %v", os.Geteuid(), err)
	}
}
