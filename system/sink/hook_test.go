//go:build unix

package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
)

// sh returns a hook that a shell runs.
func sh(script string, timeout time.Duration) *Hook {
	return &Hook{Exec: []string{"/bin/sh", "-c", script}, Timeout: timeout}
}

func TestAHookGetsLittleOfTheEnvironment(t *testing.T) {
	t.Setenv("TOKEND_CANARY", "canary")
	dir := t.TempDir()
	s := &Sink{spec: Spec{Service: "billing", Path: "/x/token"}}
	if err := sh("env >"+dir+"/env", time.Minute).run(t.Context(), environment(s)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(dir + "/env")
	if err != nil || strings.Contains(string(text), "canary") {
		t.Errorf("%s, %v", text, err)
	}
	for _, want := range []string{"TOKEND_SERVICE=billing\n", "TOKEND_PATH=/x/token\n", "PATH=" + os.Getenv("PATH") + "\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

func TestHooksThatFail(t *testing.T) {
	for name, c := range map[string]struct {
		hook *Hook
		want string
	}{
		"no such program": {&Hook{Exec: []string{"/nowhere/x"}, Timeout: time.Minute}, "no such file"},
		"another status":  {sh("exit 3", time.Minute), "ended with exit status 3"},
		"a crash":         {sh("kill -9 $$", time.Minute), "ended with signal: killed"},
		"no pid file":     {&Hook{PIDFile: "/nowhere/pid", Signal: "HUP"}, "no such file"},
	} {
		if err := c.hook.run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A hook that takes too long is killed, and so is what it has started: the pipe that
// both hold is closed then.
func TestAHookThatTakesTooLongIsKilledWithItsChildren(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan string, 1)
	go func() {
		text, _ := os.ReadFile(pipe)
		read <- string(text)
	}()
	script := fmt.Sprintf(`exec 3>%s; echo begun >&3; sleep 1000 & wait`, pipe)
	err := sh(script, 5*time.Second).run(t.Context(), nil) // it must have begun by then
	if err == nil || err.Error() != "did not end within 5s, and was killed" {
		t.Errorf("err = %v", err)
	}
	if text := <-read; text != "begun\n" {
		t.Errorf("read %q", text)
	}
}

func TestAHookEndsWithTheKeeper(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, source: newSource(), dir: t.TempDir()}
	r.keeper = NewKeeper(Options{Source: r.source, Log: quiet(), Now: time.Now})
	r.put(token("billing", "one", time.Time{}))
	r.keeper.Apply([]*Sink{r.sink("token", func(s *Spec) { s.Hook = sh("echo begun >"+pipe+"; sleep 1000 & wait", time.Hour) })})
	if text, err := os.ReadFile(pipe); err != nil || string(text) != "begun\n" {
		t.Fatalf("%q, %v", text, err)
	}
	r.stop()
	r.holds("token", "one")
}

func quiet() *logrus.Logger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}

// until waits outside of a bubble. The time only bounds a test that fails.
func (r *rig) until(want func(Stat) bool) {
	r.Helper()
	tick, end := time.NewTicker(time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !want(r.stat()) {
		select {
		case <-tick.C:
		case <-end:
			r.Fatalf("%+v", r.stat())
		}
	}
}

// A hook runs after the file is in its place, once more for all changes that come
// meanwhile, and holds up no change.
func TestChangesThatComeWhileAHookRunsAreOne(t *testing.T) {
	dir := t.TempDir()
	r := &rig{T: t, source: newSource(), dir: dir}
	r.keeper = NewKeeper(Options{Source: r.source, Log: quiet(), Now: time.Now})
	defer r.stop()
	pipes := t.TempDir()
	begun, proceed := filepath.Join(pipes, "begun"), filepath.Join(pipes, "proceed")
	if err := errors.Join(syscall.Mkfifo(begun, 0o600), syscall.Mkfifo(proceed, 0o600)); err != nil {
		t.Fatal(err)
	}
	hook := sh(fmt.Sprintf(`cat "$TOKEND_PATH" >%s; cat %s`, begun, proceed), time.Minute)
	r.put(token("billing", "1", time.Time{}))
	r.keeper.Apply([]*Sink{r.sink("token", func(s *Spec) { s.Hook = hook })})
	next := func(want string) {
		t.Helper()
		if text, err := os.ReadFile(begun); err != nil || string(text) != want {
			t.Fatalf("the hook saw %q (%v), want %q", text, err, want)
		}
	}
	next("1")
	for i := 2; i <= 5; i++ {
		r.put(token("billing", strconv.Itoa(i), time.Time{}))
		r.until(func(s Stat) bool { return s.Writes >= uint64(i) }) // the file does not wait for the hook
	}
	for _, want := range []string{"", "5"} {
		if want != "" {
			next(want)
		}
		if err := os.WriteFile(proceed, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.until(func(s Stat) bool { return s.Hooks == 2 })
}

// Nobody knows whether the hook of a process that was killed has run.
func TestTheHookOfAFileThatWasFoundRunsOnce(t *testing.T) {
	r := &rig{T: t, source: newSource(), dir: t.TempDir()}
	r.keeper = NewKeeper(Options{Source: r.source, Log: quiet(), Now: time.Now})
	defer r.stop()
	s := r.sink("token", func(s *Spec) { s.Hook = sh(":", time.Minute) })
	replace(t, newFile(s), "one", time.Time{})
	r.put(token("billing", "one", time.Time{}))
	r.keeper.Apply([]*Sink{s})
	r.until(func(s Stat) bool { return s.Hooks > 0 })
	if s := r.stat(); s.Hooks != 1 || s.Writes != 0 {
		t.Errorf("%+v", s)
	}
}

func TestAHookThatFailsIsRunAgain(t *testing.T) {
	dir := t.TempDir()
	outcomes := make(chan error, 8)
	s := &Sink{spec: Spec{Path: filepath.Join(dir, "token"), Hook: sh("test -e "+dir+"/good", time.Minute)}}
	run := newRunner(s, make(places, 1), quiet(), func(err error) { outcomes <- err })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); run.run(ctx) }()
	run.trigger()
	if err := <-outcomes; err == nil {
		t.Error("no error")
	}
	if err := os.WriteFile(dir+"/good", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-outcomes; err != nil {
		t.Error(err)
	}
	cancel()
	<-done
}

// A program waits for its place, and gives up waiting with the Keeper. A signal needs
// none.
func TestAHookWaitsForItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, outcomes := make(places, 1), make(chan error, 8)
		observe := func(err error) { outcomes <- err }
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		run := func(h *Hook) {
			r := newRunner(&Sink{spec: Spec{Hook: h}}, all, quiet(), observe)
			r.trigger()
			go func() { r.run(ctx); ended <- struct{}{} }()
			synctest.Wait()
		}
		all <- struct{}{} // somebody's
		run(&Hook{Exec: []string{"/nowhere/program"}, Timeout: time.Second})
		run(&Hook{PIDFile: "/nowhere/pid", Signal: "HUP"})
		if len(outcomes) != 1 {
			t.Errorf("%d hooks have run, want the signal alone", len(outcomes))
		}
		<-all
		synctest.Wait()
		if len(outcomes) != 2 || len(all) != 0 {
			t.Errorf("%d hooks have run, %d places are taken", len(outcomes), len(all))
		}
		all <- struct{}{}
		run(&Hook{Exec: []string{"/nowhere/program"}, Timeout: time.Second})
		cancel()
		for range 3 {
			<-ended
		}
	})
}

func TestASignalReachesTheProcessOfThePIDFile(t *testing.T) {
	dir := t.TempDir()
	const script = `trap 'echo hit; exit 0' USR1; echo ready; while :; do sleep 0.01; done`
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", script)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make([]byte, len("ready\n"))
	if _, err := io.ReadFull(out, ready); err != nil {
		t.Fatal(err)
	}
	pid := filepath.Join(dir, "pid")
	if err := os.WriteFile(pid, []byte(strconv.Itoa(cmd.Process.Pid)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&Hook{PIDFile: pid, Signal: "USR1"}).signal(); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(out); err != nil || string(text) != "hit\n" {
		t.Errorf("%q, %v", text, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if err := (&Hook{PIDFile: pid, Signal: "USR1"}).signal(); !errors.Is(err, errNoPID) {
		t.Errorf("to a process that has ended: %v", err)
	}
}

func TestPIDFilesThatAreNone(t *testing.T) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	dir := t.TempDir()
	for text, want := range map[string]error{
		"": errPID, "x": errPID, "0": errPID, "-1": errPID, "1 2": errPID, "1\n2": errPID,
		strings.Repeat("1", maxPIDFile+1): errPID, strconv.Itoa(os.Getpid()): errOwnPID,
	} {
		path := filepath.Join(dir, "pid")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := (&Hook{PIDFile: path, Signal: "HUP"}).signal(); !errors.Is(err, want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := (&Hook{PIDFile: dir, Signal: "HUP"}).signal(); !errors.Is(err, errPID) {
		t.Errorf("a directory: %v", err)
	}
	if len(hup) != 0 {
		t.Error("a signal came here")
	}
}

func TestAShellReadsWhatIsQuoted(t *testing.T) {
	for _, text := range []string{"", "plain-1._+/=:@%,", "it's", "$(id) `id` \"x\" \\ !", "a b\tc\nd", "~", "''"} {
		out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", "X="+shellQuoted(text)+`; printf %s. "$X"`).Output()
		if err != nil || string(out) != text+"." {
			t.Errorf("%q is read as %q, %v", text, out, err)
		}
	}
}
