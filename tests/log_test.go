package tests

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"tokend/messages"
	"tokend/system"
	"tokend/tests/fakes/idptest"
)

// linesAbout returns how many lines of that level or a worse one name billing.
func linesAbout(hook *logtest.Hook, level logrus.Level) int {
	n := 0
	for _, entry := range hook.AllEntries() {
		named := false
		for _, value := range entry.Data {
			named = named || value == billing
		}
		if named && entry.Level <= level {
			n++
		}
	}
	return n
}

func TestP6TroubleIsLogged(t *testing.T) {
	tests := map[string]struct {
		step  idptest.Step
		level logrus.Level
	}{
		"a failure that heals itself is a warning":  {idptest.Fail(messages.ClassTransient), logrus.WarnLevel},
		"rejected credentials are an error":         {idptest.Fail(messages.ClassRejected), logrus.ErrorLevel},
		"a panic is an error or a warning at least": {idptest.Panic("x"), logrus.WarnLevel},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, hook := logtest.NewNullLogger()
				idp := idptest.New()
				idp.Play(billing, idptest.Token(time.Hour), tc.step)
				w := begin(t, idp, setup{options: []system.Option{system.WithLogger(log)}})
				w.token(billing)
				justBefore(w.info(billing).RefreshAt)
				if n := linesAbout(hook, logrus.WarnLevel); n != 0 {
					t.Errorf("%d lines of trouble when all was well", n)
				}
				pass(time.Nanosecond)
				if linesAbout(hook, tc.level) == 0 {
					t.Error("no line tells of it at once")
				}
			})
		})
	}
}

func TestP6ALogIsNotFlooded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, hook := logtest.NewNullLogger()
		w := begin(t, idptest.New(), setup{options: []system.Option{system.WithLogger(log)}})
		for range 10_000 {
			w.token(billing)
			pass(time.Millisecond)
		}
		if n := len(hook.AllEntries()); n > 20 {
			t.Errorf("%d lines for ten thousand calls", n)
		}
	})
}
