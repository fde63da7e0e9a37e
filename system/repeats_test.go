package system

import (
	"fmt"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"tokend/messages"
)

// failing is a service whose failures are logged.
type failing struct {
	log  func(messages.Event)
	hook *logtest.Hook
	at   time.Time
}

func newFailing() *failing {
	log, hook := logtest.NewNullLogger()
	return &failing{eventLog(log), hook, time.Unix(1e9, 0)}
}

func (f *failing) about(service string) messages.Occurrence {
	return messages.Occurrence{Service: service, At: f.at, State: messages.StateDegraded}
}

// fails has the service fail d later.
func (f *failing) fails(service string, d time.Duration, class, text string) {
	f.at = f.at.Add(d)
	f.log(&messages.RefreshFailed{Occurrence: f.about(service), Failure: messages.Failure{Class: class, Text: text, At: f.at, Attempts: 1}})
}

func TestAFailureIsLoggedWhenItIsNewAndOnceAnHour(t *testing.T) {
	const transient, rejected = messages.ClassTransient, messages.ClassRejected
	for name, c := range map[string]struct {
		play func(f *failing)
		want int
	}{
		"the first":         {func(f *failing) { f.fails("a", 0, transient, "down") }, 1},
		"and no other like": {func(f *failing) { f.again(59, time.Minute, transient, "down") }, 1},
		"but one an hour":   {func(f *failing) { f.again(61, time.Minute, transient, "down") }, 2},
		"a day":             {func(f *failing) { f.again(24*60+1, time.Minute, transient, "down") }, 25},
		"rare ones all":     {func(f *failing) { f.again(5, time.Hour, rejected, "no") }, 5},
		"another class": {func(f *failing) {
			f.again(3, time.Second, transient, "no")
			f.again(3, time.Second, rejected, "no")
		}, 2},
		"another text, and the first again": {func(f *failing) {
			f.again(3, time.Second, transient, "down")
			f.again(3, time.Second, transient, "gone")
			f.again(3, time.Second, transient, "down")
		}, 3},
		"another number is none": {func(f *failing) {
			for i := range 10 {
				f.fails("a", time.Second, transient, fmt.Sprintf("the token lives 5s but took %d.%ds to arrive, trace 7f3a%d", i, i, i))
			}
		}, 1},
		"another code": {func(f *failing) {
			f.again(3, time.Second, rejected, "refused: 1001")
			f.again(3, time.Second, rejected, "refused: 1003")
		}, 2},
		"another status": {func(f *failing) {
			f.again(3, time.Second, transient, "500: look into the server's log")
			f.again(3, time.Second, transient, "404: look into the server's log")
		}, 2},
		"another service": {func(f *failing) {
			f.fails("a", time.Second, transient, "down")
			f.fails("b", time.Second, transient, "down")
			f.fails("a", time.Second, transient, "down")
		}, 2},
		"after a token": {func(f *failing) {
			f.again(3, time.Second, transient, "down")
			f.log(&messages.TokenRefreshed{Occurrence: f.about("a")})
			f.again(3, time.Second, transient, "down")
		}, 2},
		"the token has died": {func(f *failing) {
			f.again(3, time.Second, transient, "down")
			o := f.about("a")
			o.State = messages.StateExpired
			f.log(&messages.RefreshFailed{Occurrence: o, Failure: messages.Failure{Class: transient, Text: "down"}})
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFailing()
			c.play(f)
			if got := f.loud(); got != c.want {
				t.Errorf("%d lines, want %d", got, c.want)
			}
		})
	}
}

func (f *failing) again(n int, every time.Duration, class, text string) {
	for range n {
		f.fails("a", every, class, text)
	}
}

// loud returns how many lines about failures were written.
func (f *failing) loud() (n int) {
	for _, e := range f.hook.AllEntries() {
		if e.Level <= logrus.WarnLevel {
			n++
		}
	}
	return n
}

func TestASummaryCountsWhatWasNotLogged(t *testing.T) {
	f := newFailing()
	f.again(61, time.Minute, messages.ClassTransient, "down")
	if e := f.hook.LastEntry(); e.Data[fieldRepeated] != 59 {
		t.Errorf("fields %v", e.Data)
	}
}
