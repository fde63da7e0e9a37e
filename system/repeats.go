package system

import (
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"tokend/messages"
)

// summaryEvery is how often a failure is logged that comes the same way again and
// again.
const summaryEvery = time.Hour

// repeats knows how services fail, by name, so that the log is told of a failure the
// first time, when it changes, and once an hour. It belongs to whoever writes the log.
type repeats map[string]*repeated

// repeated is how a service fails.
type repeated struct {
	way    string
	logged time.Time // when a line of it was written
	since  int       // how many were not written since then
}

// level returns the level of the line of an event: debug for a failure that is no news. It
// adds to the fields how many lines were left out before it.
func (r repeats) level(e messages.Event, level logrus.Level, text string, fields logrus.Fields) logrus.Level {
	service := e.About().Service
	switch e := e.(type) {
	case *messages.RefreshFailed:
		return r.failed(e, level, level.String()+text, fields)
	case *messages.TokenAcquired, *messages.TokenRefreshed, *messages.ServiceRemoved:
		delete(r, service)
	}
	return level
}

func (r repeats) failed(e *messages.RefreshFailed, level logrus.Level, text string, fields logrus.Fields) logrus.Level {
	way := strings.Join([]string{text, e.Failure.Class, words(e.Failure.Text)}, "\x00")
	last := r[e.Service]
	if last == nil || last.way != way {
		r[e.Service] = &repeated{way: way, logged: e.At}
		return level
	}
	if e.At.Sub(last.logged).Abs() < summaryEvery {
		last.since++
		return max(level, logrus.DebugLevel)
	}
	if last.since > 0 {
		fields[fieldRepeated] = last.since
	}
	last.logged, last.since = e.At, 0
	return level
}

// words returns a text without the parts that differ between two failures of the same
// kind: times, addresses and whatever else has a digit in it, except codes.
func words(text string) string {
	kept := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == ';' })
	var b strings.Builder
	for _, word := range kept {
		if !strings.ContainsAny(word, "0123456789") || isCode(strings.Trim(word, ".:()[]\"'")) {
			b.WriteString(word)
		}
		b.WriteByte(' ')
	}
	return b.String()
}

// longestCode is of how many digits a number is a code, such as a status.
const longestCode = 5

func isCode(word string) bool {
	return len(word) <= longestCode && strings.Trim(word, "0123456789") == ""
}
