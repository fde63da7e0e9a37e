package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tokend/messages"
)

const clockLayout = "15:04:05"

// paint makes text pleasant for a terminal; the zero paint leaves it plain.
type paint struct {
	colour   bool
	terminal bool // a person looks at it, though perhaps not at colours
}

const (
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
	faint  = "2"
	bold   = "1"
)

// paintFor colours only what a person sees at once. NO_COLOR is the usual way to
// say no.
func (p program) paintFor(w io.Writer) paint {
	terminal := isTerminal(w) && p.getenv("TERM") != "dumb"
	return paint{colour: terminal && p.getenv("NO_COLOR") == "", terminal: terminal}
}

func isTerminal(w io.Writer) bool {
	f, ok := beneath(w).(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (p paint) in(code, text string) string {
	if !p.colour || code == "" || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// word colours the words that tell how a service is.
func (p paint) word(text string) string { return p.in(colourOf(text), text) }

func colourOf(word string) string {
	switch word {
	case messages.StateFresh, acquired, "token_acquired", "token_refreshed":
		return green
	case messages.StateDue:
		return cyan
	case messages.StateDegraded, "token_expiring", "refresh_failed", "token_invalidated",
		messages.ClassTransient, messages.ClassThrottled, messages.ClassAmbiguous:
		return yellow
	case messages.StateExpired, "token_expired", "actor_restarted", "login_lost",
		messages.ClassRejected, messages.ClassMalformed, messages.ClassPanic:
		return red
	case messages.StateEmpty, "service_removed":
		return faint
	default:
		return ""
	}
}

// telling says which cell of a row holds a word that tells how a service is, by the
// number of its column; nil: none. Whatever else a cell holds may be such a word by
// chance, as the name of a service may.
type telling func(row []string, column int) bool

func inColumn(n int) telling {
	return func(_ []string, column int) bool { return column == n }
}

// table writes rows in columns as wide as their widest cell, with colours for the
// words that tell how a service is. What stands in a cell came from elsewhere and
// must not steer the terminal.
func (p paint) table(w io.Writer, rows [][]string, tells telling) error {
	width := map[int]int{}
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(printable(cell)))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			cell = printable(cell)
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+2)
			if tells != nil && tells(row, i) {
				cell = p.word(cell)
			}
			line.WriteString(cell + pad)
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}

// from tells a time as seen from now: "in 5m0s", "now", "just now", "3s ago", "" for
// no time.
func from(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	switch left := t.Sub(now).Round(time.Second); {
	case left < 0:
		return (-left).String() + " ago"
	case left == 0 && t.After(now):
		return "now"
	case left == 0:
		return "just now"
	default:
		return "in " + left.String()
	}
}
