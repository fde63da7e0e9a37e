package sink

import (
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tokend/messages"
)

// lasting returns a token of billing that lives for that long from now on.
func lasting(value string, life time.Duration) messages.Token {
	return token("billing", value, time.Now().Add(life))
}

func TestAFileFollowsItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t)
		r.keeper.Apply([]*Sink{r.sink("token")})
		r.wait(0)
		r.holds("token", "")
		if s := r.stat(); !s.Stale || len(r.said()) != 0 {
			t.Errorf("%+v, said %q", s, r.said())
		}
		r.put(lasting("one", time.Hour))
		r.wait(0)
		r.holds("token", "one")
		r.put(lasting("two", 2*time.Hour))
		r.wait(0)
		r.holds("token", "two")
		if s := r.stat(); s.Stale || s.Writes != 2 || !s.ExpiresAt.Equal(time.Now().Add(2*time.Hour)) || !s.WrittenAt.Equal(time.Now()) {
			t.Errorf("%+v", s)
		}
	})
}

func TestATokenThatWasThereIsWrittenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t)
		r.put(lasting("warm", time.Hour))
		r.keeper.Apply([]*Sink{r.sink("token")})
		r.wait(0)
		r.holds("token", "warm")
	})
}

// Without any event, a new token is in the file well before the one before it dies.
func TestALostEventLeavesNoOldToken(t *testing.T) {
	for _, life := range []time.Duration{100 * time.Millisecond, time.Second, time.Minute, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			r := begin(t)
			r.put(lasting("one", life))
			r.keeper.Apply([]*Sink{r.sink("token")})
			r.wait(0)
			r.mute = true
			r.wait(life / 2)
			r.put(lasting("two", life))
			r.wait(min(max(life/8, lookLeast), lookMost))
			r.holds("token", "two")
		})
	}
}

func TestADeadTokenLeavesNoFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t)
		r.mute = true
		r.put(lasting("one", time.Minute))
		r.keeper.Apply([]*Sink{r.sink("token")})
		r.wait(time.Minute - time.Nanosecond)
		r.holds("token", "one")
		r.wait(time.Nanosecond)
		if r.holds("token", ""); len(r.names()) != 0 {
			t.Errorf("left: %q", r.names())
		}
		r.wait(time.Hour)
		if s := r.stat(); !s.Stale || s.Removals != 1 || !s.ExpiresAt.IsZero() || !slices.Equal(r.said(), []string{"billing token false"}) {
			t.Errorf("%+v, said %q", s, r.said())
		}
		r.put(lasting("two", time.Hour))
		r.wait(lookMost)
		r.holds("token", "two")
		r.set("billing", messages.Token{}, Dead) // as after an invalidation
		r.wait(lookMost)
		r.holds("token", "")
		if said := r.said(); len(said) != 2 || r.stat().Removals != 2 {
			t.Errorf("said %q", said)
		}
	})
}

// A token that dies as it was to and is followed at once is no trouble, but its file
// does not outlive it.
func TestATokenThatIsAboutToBeFollowedIsNoTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t)
		r.put(lasting("one", time.Minute))
		r.keeper.Apply([]*Sink{r.sink("token")})
		r.wait(time.Minute - time.Nanosecond)
		r.set("billing", messages.Token{}, Turning)
		r.wait(time.Second)
		if r.holds("token", ""); len(r.said()) != 0 || !r.stat().Stale {
			t.Errorf("%+v, said %q", r.stat(), r.said())
		}
		r.put(lasting("two", time.Minute))
		r.wait(0)
		r.holds("token", "two")
		r.wait(time.Minute - time.Nanosecond)
		r.set("billing", messages.Token{}, Turning)
		r.wait(time.Second)
		r.set("billing", messages.Token{}, Dead)
		r.wait(lookMost)
		if r.holds("token", ""); !slices.Equal(r.said(), []string{"billing token false"}) {
			t.Errorf("said %q", r.said())
		}
	})
}

func TestAFileThatIsToBeKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t)
		r.put(lasting("one", time.Minute))
		r.keeper.Apply([]*Sink{r.sink("token", func(s *Spec) { s.KeepExpired = true })})
		r.wait(time.Minute + lookMost)
		r.holds("token", "one")
		if s := r.stat(); !s.Stale || s.Removals != 0 || !slices.Equal(r.said(), []string{"billing token true"}) {
			t.Errorf("%+v, said %q", s, r.said())
		}
	})
}

func TestAServiceThatEndsSaysNothingAboutItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t)
		r.put(lasting("one", time.Minute))
		r.keeper.Apply([]*Sink{r.sink("token")})
		r.wait(0)
		r.set("billing", messages.Token{}, Unknown)
		r.wait(time.Minute - time.Nanosecond)
		r.holds("token", "one")
		r.wait(time.Nanosecond)
		r.holds("token", "")
	})
}

func TestATemplateOfSeveralServicesNeedsAllOfThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t)
		r.keeper.Apply([]*Sink{r.sink("token", func(s *Spec) {
			s.Format, s.Template = FormatTemplate, `{{ token "a" }} {{ token "b" }}`
		})})
		r.put(token("a", "one", time.Now().Add(time.Minute)))
		r.wait(lookMost)
		r.holds("token", "")
		r.put(token("b", "two", time.Now().Add(time.Hour)))
		r.wait(0)
		r.holds("token", "one two")
		r.put(token("b", "three", time.Now().Add(time.Hour)))
		r.wait(0)
		r.holds("token", "one three")
		if s := r.stat(); !s.ExpiresAt.Equal(time.Now().Add(time.Minute - lookMost)) {
			t.Errorf("%+v", s)
		}
		r.wait(time.Minute)
		r.holds("token", "")
	})
}

func TestAFileThatHasGoneIsWrittenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t)
		r.put(lasting("one", time.Hour))
		r.keeper.Apply([]*Sink{r.sink("token")})
		r.wait(0)
		if err := os.Remove(r.path("token")); err != nil {
			t.Fatal(err)
		}
		r.wait(lookMost)
		r.holds("token", "one")
	})
}

func TestAForeignFileIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t)
		r.put(lasting("one", time.Minute))
		r.keeper.Apply([]*Sink{r.sink("token")})
		r.wait(0)
		if err := os.WriteFile(r.path("token"), []byte("theirs, and longer"), 0o600); err != nil {
			t.Fatal(err)
		}
		r.wait(2 * time.Minute)
		r.holds("token", "theirs, and longer")
		if s := r.stat(); !s.Stale || s.Removals != 0 || !slices.Equal(r.said(), []string{"billing token true"}) || strings.Count(r.log.String(), "somebody else has changed") != 1 || !strings.Contains(r.log.String(), "the file is not the sink's") {
			t.Errorf("%+v\n%s", s, r.log)
		}
		r.put(lasting("two", time.Minute))
		r.wait(0)
		r.holds("token", "two")
		if r.stat().Stale {
			t.Error("stale with a new token")
		}
	})
}

func TestAfterACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t)
		dies := time.Now().Add(time.Minute)
		replace(t, newFile(r.sink("token")), "left", dies)
		r.keeper.Apply([]*Sink{r.sink("token")})
		r.wait(time.Minute - time.Nanosecond)
		r.holds("token", "left")
		if s := r.stat(); s.Stale || !s.ExpiresAt.Equal(dies) {
			t.Errorf("%+v", s)
		}
		r.wait(time.Nanosecond)
		r.holds("token", "")
	})
}

func TestAFileOfBeforeThatNobodyKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t)
		if err := os.WriteFile(r.path("token"), []byte("by hand"), 0o644); err != nil {
			t.Fatal(err)
		}
		r.keeper.Apply([]*Sink{r.sink("token")})
		r.set("billing", messages.Token{}, Dead)
		r.wait(time.Hour)
		if r.holds("token", "by hand"); !r.stat().Stale {
			t.Error("not stale")
		}
		r.put(lasting("one", time.Hour))
		r.wait(0)
		r.holds("token", "one")
	})
}

func TestApplyChangesSinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t)
		r.put(lasting("one", time.Hour))
		r.keeper.Apply([]*Sink{r.sink("a"), r.sink("b"), r.sink("c")})
		r.wait(0)
		before, _ := os.Stat(r.path("a"))
		r.keeper.Apply([]*Sink{r.sink("a"), r.sink("b", func(s *Spec) { s.Mode = 0o640 }), r.sink("d")})
		r.wait(0)
		after, _ := os.Stat(r.path("a"))
		if !os.SameFile(before, after) {
			t.Error("a sink that did not change was written again")
		}
		if info, err := os.Stat(r.path("b")); err != nil || info.Mode() != 0o640 {
			t.Errorf("%v, %v", info, err)
		}
		if want := []string{".a.tokend", ".b.tokend", ".d.tokend", "a", "b", "d"}; !slices.Equal(r.names(), want) {
			t.Errorf("%q", r.names())
		}
		r.keeper.Apply(nil)
		r.keeper.Apply([]*Sink{r.sink("d")}) // while the one before is ending
		r.wait(0)
		if r.holds("d", "one"); len(r.names()) != 2 || len(r.keeper.Stats()) != 1 {
			t.Errorf("%q", r.names())
		}
	})
}

func TestStopKeepsOrRemoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t)
		r.put(lasting("one", time.Hour))
		r.keeper.Apply([]*Sink{r.sink("kept"), r.sink("gone", func(s *Spec) { s.RemoveOnStop = true })})
		r.wait(0)
		r.stop()
		r.set("billing", messages.Token{}, Dead)
		if want := []string{".kept.tokend", "kept"}; !slices.Equal(r.names(), want) {
			t.Errorf("%q", r.names())
		}
		r.keeper.Apply([]*Sink{r.sink("late")})
		r.wait(time.Minute)
		if len(r.names()) != 2 {
			t.Errorf("%q", r.names())
		}
	})
}

func TestADiskThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t)
		sub := r.path("sub")
		r.dir = sub
		r.put(lasting("one", time.Hour))
		r.keeper.Apply([]*Sink{r.sink("token")})
		r.wait(time.Minute)
		s := r.stat()
		if !s.Stale || s.Failure == "" || s.WriteFailures != 6 || strings.Count(r.log.String(), "level=warning msg=\"the file of a sink cannot be kept") != 1 {
			t.Errorf("%+v\n%s", s, r.log)
		}
		if err := os.Mkdir(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		r.wait(retryMost)
		r.holds("token", "one")
		if s := r.stat(); s.Stale || s.Failure != "" || !strings.Contains(r.log.String(), "is up to date again") {
			t.Errorf("%+v\n%s", s, r.log)
		}
	})
}

// What cannot be replaced is removed when its token dies.
func TestAnOldFileThatCannotBeReplacedStaysWhileItsTokenLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t)
		r.put(lasting("one", time.Minute))
		r.keeper.Apply([]*Sink{r.sink("token")})
		r.wait(time.Second)
		// A directory in place of the note: it cannot be replaced, the file can be removed.
		if err := os.Remove(r.path(".token.tokend")); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(r.path(".token.tokend/x"), 0o700); err != nil {
			t.Fatal(err)
		}
		r.put(lasting("two", time.Hour))
		r.wait(59*time.Second - time.Nanosecond)
		r.holds("token", "one")
		r.wait(time.Nanosecond)
		r.holds("token", "")
		if err := os.RemoveAll(r.path(".token.tokend")); err != nil {
			t.Fatal(err)
		}
		r.wait(retryMost)
		r.holds("token", "two")
	})
}

func TestTokensThatMakeNoContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t)
		r.put(lasting(strings.Repeat("x", maxContent+1), time.Hour))
		r.keeper.Apply([]*Sink{r.sink("token")})
		r.wait(time.Minute)
		if s := r.stat(); s.Failure != errTooLarge.Error() || !s.Stale {
			t.Errorf("%+v", s)
		}
		r.put(lasting("one", time.Hour))
		r.wait(0)
		if r.holds("token", "one"); r.stat().Failure != "" {
			t.Errorf("%+v", r.stat())
		}
	})
}

func TestASinkThatHangsHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t)
		stuck, release := r.sink("stuck"), make(chan struct{})
		stuck.render = func(map[string]messages.Token) ([]byte, error) {
			<-release
			return []byte("late"), nil
		}
		r.put(lasting("one", time.Hour))
		r.keeper.Apply([]*Sink{stuck, r.sink("token")})
		r.wait(0)
		r.holds("token", "one")
		r.keeper.Apply([]*Sink{r.sink("token"), r.sink("other"), r.sink("stuck", func(s *Spec) { s.Mode = 0o640 })})
		r.put(lasting("two", time.Hour))
		r.wait(0)
		r.holds("token", "two")
		r.holds("other", "two")
		r.holds("stuck", "") // the one before has not ended, and two must not write one file
		if len(r.keeper.Stats()) != 3 {
			t.Errorf("%+v", r.keeper.Stats())
		}
		close(release)
		r.wait(0)
		r.holds("stuck", "two")
	})
}

func TestASinkThatCrashesGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := begin(t)
		s := r.sink("token")
		render := s.render
		var crash atomic.Bool
		crash.Store(true)
		s.render = func(tokens map[string]messages.Token) ([]byte, error) {
			if crash.Load() {
				panic("canary")
			}
			return render(tokens)
		}
		r.put(lasting("one", time.Hour))
		r.keeper.Apply([]*Sink{s})
		r.wait(time.Second)
		crash.Store(false)
		r.wait(retryMost)
		r.holds("token", "one")
		if text := r.log.String(); !strings.Contains(text, "cause=string") || strings.Contains(text, "canary") {
			t.Error(text)
		}
	})
}
