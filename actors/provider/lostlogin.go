package provider

import (
	"strings"
	"time"

	"tokend/messages"
)

// isDead reports whether a refresh token was refused for good, as far as its server
// knows: nothing but another login helps. Servers are wrong about that now and then,
// such as one whose replica lags, so the login is tried again for a while.
func isDead(err error) bool {
	e := Classify(err)
	return e != nil && e.Class == messages.ClassRejected && saysDead(e.Code)
}

// saysDead reports whether an error code says that a refresh token, or the login that
// it came of, is of no use. The first codes are those of RFC 6749, section 5.2, and of
// OpenID Connect Core, section 3.1.2.6, which some servers give at the token endpoint,
// too; others have words of their own.
func saysDead(code string) bool {
	switch text := lettersOf(code); {
	case text == "invalidgrant", text == "interactionrequired", text == "loginrequired", text == "consentrequired":
		return true
	case hasAny(text, "missing", "required", "limit", "toomany", "unsupported"):
		return false
	case hasAny(text, "refresh") && hasAny(text, "token"):
		return true
	case hasAny(text, "client", "type", "access", "csrf", "xsrf", "dpop", "endpoint", "device"):
		return false
	default:
		return hasAny(text, "token", "grant", "session") && hasAny(text,
			"expired", "revoked", "invalid", "inactive", "notactive", "notvalid", "notfound", "unknown", "used", "reuse", "consumed", "deleted")
	}
}

// lettersOf returns the letters of a code in lower case, so that it does not matter
// what stands between its words.
func lettersOf(code string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		default:
			return -1
		}
	}, code)
}

func hasAny(text string, words ...string) bool {
	for _, word := range words {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

const (
	probeFirst = 5 * time.Minute // until a login that was found to be lost is tried again
	probeMost  = 6 * time.Hour
	// probeSpan is for how long that goes on. A server that watches for stolen refresh
	// tokens must not be shown one for ever.
	probeSpan = 24 * time.Hour
)

// tried returns the family after it was found to be lost, or that nothing has changed
// about that. A try that came before its time moves nothing.
func (f family) tried(at time.Time, client string) family {
	switch {
	case !f.Lost, f.Since == 0:
		f.Lost, f.Since, f.Tries, f.Client = true, at.UnixMilli(), 0, client
	case !f.due(at):
		return f
	}
	pause := probeMost
	if f.Tries < 8 {
		pause = min(probeFirst<<f.Tries, probeMost)
	}
	f.Tries++
	if next := at.Add(pause); next.Sub(time.UnixMilli(f.Since)) <= probeSpan {
		f.Next = next.UnixMilli()
	} else {
		f.Next = 0
	}
	return f
}

// due reports whether a lost login is to be tried again now. One of which nobody knows
// since when it is lost was found to be by an earlier version, or as another client's.
func (f family) due(at time.Time) bool {
	return f.Since == 0 || f.Next != 0 && at.UnixMilli() >= f.Next
}

// wait returns after how long a lost login is to be tried again; 0: it is not.
func (f family) wait(at time.Time) time.Duration {
	if f.Next == 0 {
		return 0
	}
	return max(time.UnixMilli(f.Next).Sub(at), time.Millisecond)
}
