package system

import (
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"
	logrusslog "github.com/sirupsen/logrus/hooks/slog"

	"tokend/messages"
)

// The fields of log lines.
const (
	fieldService     = "service"
	fieldEvent       = "event"
	fieldState       = "state"
	fieldFingerprint = "fingerprint"
	fieldGeneration  = "generation"
	fieldExpiresIn   = "expires_in"
	fieldClass       = "class"
	fieldCause       = "cause"
	fieldAttempt     = "attempt"
	fieldNextTry     = "next_try"
	fieldTook        = "took"
	fieldRestarts    = "restarts"
	fieldDropped     = "dropped"
	fieldServices    = "services"
	fieldPath        = "path"
	fieldRemains     = "remains"
	fieldRepeated    = "repeated"
)

// newActorSystem returns an actor system of our own that logs to log. What
// protoactor tells at info is for those who look for errors in tokend.
func newActorSystem(log *logrus.Logger) *actor.ActorSystem {
	handler := logrusslog.NewHandler(log, &logrusslog.HandlerOptions{LevelMapper: func(l slog.Level) logrus.Level {
		if l == slog.LevelInfo {
			return logrus.DebugLevel
		}
		return logrusslog.SlogLevel(l).Level()
	}})
	return actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
			return slog.New(handler).With("lib", "protoactor")
		}),
		// After a dead letter protoactor keeps a goroutine for as long as this, which
		// must not be seen after Stop.
		actor.WithDeadLetterThrottleInterval(deadLetterPause),
	)
}

// deadLetterPause is how long protoactor counts dead letters before it logs
// another three.
const deadLetterPause = 50 * time.Millisecond

// eventLog returns what writes one line for every event: at error when a person
// must act or callers get errors, at warning when something is wrong that heals
// by itself, at info when a state has changed. A failure that comes the same way again
// and again has a line the first time, when it changes, and once an hour.
func eventLog(log *logrus.Logger) func(messages.Event) {
	known := repeats{}
	return func(e messages.Event) {
		o := e.About()
		fields := logrus.Fields{fieldService: o.Service, fieldEvent: e.Name(), fieldState: o.State}
		if o.Generation > 0 {
			fields[fieldFingerprint], fields[fieldGeneration] = o.Fingerprint, o.Generation
		}
		if !o.ExpiresAt.IsZero() {
			fields[fieldExpiresIn] = o.ExpiresAt.Sub(o.At).Round(time.Millisecond).String()
		}
		level, text := describe(e, fields)
		level = known.level(e, level, text, fields)
		log.WithFields(fields).Log(level, text)
	}
}

// dropLog returns what says that events got lost. It comes with the next event
// that does not: the log is then still no longer than it can be written.
func dropLog(log *logrus.Logger) func(uint64) {
	return func(total uint64) {
		log.WithField(fieldDropped, total).Warn("events dropped: whoever listens to them, or the log's reader, is too slow")
	}
}

// describe adds what only this kind of event has, and says it in words.
func describe(e messages.Event, fields logrus.Fields) (logrus.Level, string) {
	living := messages.Living(e.About().State)
	switch e := e.(type) {
	case *messages.TokenAcquired:
		fields[fieldTook] = e.Took.Round(time.Microsecond).String()
		return logrus.InfoLevel, "token acquired"
	case *messages.TokenRefreshed:
		fields[fieldTook] = e.Took.Round(time.Microsecond).String()
		return logrus.InfoLevel, "token refreshed"
	case *messages.TokenExpiring:
		addFailure(fields, e.LastError)
		return logrus.WarnLevel, "token expires soon"
	case *messages.TokenExpired:
		addFailure(fields, e.LastError)
		return logrus.ErrorLevel, "token expired, callers get errors until there is a new one"
	case *messages.RefreshFailed:
		addFailure(fields, &e.Failure)
		fields[fieldTook] = e.Took.Round(time.Microsecond).String()
		if !living {
			return logrus.ErrorLevel, "no token could be acquired"
		}
		if e.Failure.Class == messages.ClassRejected {
			return logrus.ErrorLevel, "credentials rejected, the old token serves until it expires"
		}
		return logrus.WarnLevel, "refresh failed, the old token serves until it expires"
	case *messages.LoginLost:
		addFailure(fields, &e.Failure)
		return logrus.ErrorLevel, "login lost, somebody must log in anew"
	case *messages.TokenInvalidated:
		return logrus.InfoLevel, "token reported as refused and given up"
	case *messages.ActorRestarted:
		fields[fieldCause], fields[fieldRestarts] = e.Reason, e.Restarts
		return logrus.ErrorLevel, "token actor restarted"
	case *messages.SinkStale:
		fields[fieldPath], fields[fieldRemains] = e.Path, e.Remains
		if e.Remains {
			return logrus.ErrorLevel, "sink is stale: the token in the file has died, and the file is still there"
		}
		return logrus.ErrorLevel, "sink is stale: the token has died, and there is no file"
	default:
		return logrus.InfoLevel, "service removed"
	}
}

func addFailure(fields logrus.Fields, f *messages.Failure) {
	if f == nil {
		return
	}
	fields[fieldClass], fields[fieldCause], fields[fieldAttempt] = f.Class, f.Text, f.Attempts
	if f.NextTry.IsZero() {
		return
	}
	fields[fieldNextTry] = f.NextTry.UTC().Format(time.RFC3339)
}
