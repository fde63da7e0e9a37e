package main

import (
	"fmt"
	"time"

	"tokend/messages"
	"tokend/system/httpapi"
)

// eventLine tells an event to a person, in columns.
func (p paint) eventLine(e messages.Event, service int) string {
	return p.line(httpapi.EventOf(e), cause(e), service)
}

// line tells an event in columns; service is the width of the name's. What stands
// in it came from elsewhere and must not steer the terminal.
func (p paint) line(e httpapi.Event, more string, service int) string {
	at := ""
	if !e.At.IsZero() {
		at = e.At.Local().Format(clockLayout)
	}
	return fmt.Sprintf("%s  %s  %s  %s  %-12s  %-8s  %s",
		p.in(faint, fmt.Sprintf("%-*s", len(clockLayout), at)),
		p.in(bold, fmt.Sprintf("%-*s", service, printable(e.Service))),
		p.in(colourOf(e.Event), fmt.Sprintf("%-17s", printable(e.Event))),
		p.in(colourOf(e.State), fmt.Sprintf("%-8s", printable(e.State))),
		printable(e.Fingerprint), from(e.ExpiresAt, e.At), printable(more))
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
	case *messages.LoginLost:
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
