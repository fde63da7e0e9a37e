package main

import (
	"fmt"
	"time"

	"tokend/messages"
)

// eventLine tells an event to a person, in columns.
func (p paint) eventLine(e messages.Event, service int) string {
	o := e.About()
	name, state := fmt.Sprintf("%-17s", e.Name()), fmt.Sprintf("%-8s", o.State)
	return fmt.Sprintf("%s  %s  %s  %s  %-12s  %-8s  %s",
		p.in(faint, o.At.Local().Format(clockLayout)),
		p.in(bold, fmt.Sprintf("%-*s", service, o.Service)),
		p.in(colourOf(e.Name()), name),
		p.in(colourOf(o.State), state),
		o.Fingerprint, from(o.ExpiresAt, o.At), printable(cause(e)))
}

// cause tells what an event says besides what all of them do.
func cause(e messages.Event) string {
	switch m := e.(type) {
	case *messages.TokenAcquired:
		return "took " + short(m.Took)
	case *messages.TokenRefreshed:
		return "took " + short(m.Took)
	case *messages.RefreshFailed:
		return describe(&m.Failure, m.At)
	case *messages.TokenExpiring:
		return describe(m.LastError, m.At)
	case *messages.TokenExpired:
		return describe(m.LastError, m.At)
	case *messages.ActorRestarted:
		return m.Reason
	case *messages.SinkStale:
		return m.Path
	default:
		return ""
	}
}

func describe(f *messages.Failure, now time.Time) string {
	if f == nil {
		return ""
	}
	text := f.Class + ": " + f.Text
	if wait := f.NextTry.Sub(now); wait > 0 {
		text += ", next try in " + short(wait)
	}
	return text
}

func short(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}
