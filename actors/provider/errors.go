package provider

import (
	"time"

	"tokend/messages"
)

// Bounds of what an Error carries.
const (
	maxCode        = 64       // characters of an OAuth error code
	maxDescription = 200      // characters taken from an answer
	maxText        = 400      // characters of a whole text
	maxStack       = 16 << 10 // bytes of a panic's stack
	// maxRetryAfter is the longest wait that an endpoint is said to have asked for; how
	// much of it counts is for the schedule to say.
	maxRetryAfter = 365 * 24 * time.Hour
)

// Error says why an acquisition failed. Its text is short, holds no secret, and
// may be shown to everybody.
//
// It wraps nothing on purpose: what lies below may print a URL's query, and a
// context error below it would look as if the caller's own context had ended.
type Error struct {
	Class       string        // one of the Class constants of package messages
	Reason      string        // one of the Reason constants, or empty
	Text        string        // what happened and, where that is known, what to do
	Code        string        // OAuth error code of the answer, if it had one (RFC 6749, section 5.2)
	Description string        // what the answer said about it besides, if it did; a part of Text
	Status      int           // HTTP status of the answer; 0 without one
	RetryAfter  time.Duration // how long the endpoint asked to be left alone; 0: it did not
	TimedOut    bool          // time ran out before the answer was there
	Stack       string        // stack of a panic; for the log, not for callers
	// Page says that the answer was a page (HTML) of something that stands before the
	// API, and not the API's own: what it asks for counts for less.
	Page bool
	// Again says that this counts as a refusal if the attempt before ended the same way,
	// and as Class otherwise.
	Again bool
	// Sparing says that the next attempt must not come within 5 min, although the
	// failure is no refusal: what was sent may count as an attempt to log in.
	Sparing bool
	// Dead says that there was a token, which had expired before it arrived.
	Dead bool
	// Person says that a person's credentials were sent, such as a password: an account
	// may be locked after some attempts.
	Person bool
	// Wait is after how long another attempt makes sense, if the provider knows: 0 if it
	// does not, and negative if none does before someone asks for it.
	Wait time.Duration
	// Probe is that of a [Result].
	Probe time.Duration
	// Lost says that the login which the provider lives on was found to be lost, and
	// what people are to do; empty: it was not, or they have been told. The State that
	// comes with it tells the provider so, and is kept once people have been told.
	Lost string
}

// KeyError says what is wrong with one setting of a provider. Neither text holds
// a secret.
type KeyError struct {
	Key     string // as the configuration calls it, such as request.url
	Problem string
}

// Error returns "KEY: PROBLEM".
func (e *KeyError) Error() string { return e.Key + ": " + e.Problem }

// Error returns the text.
func (e *Error) Error() string { return e.Text }

// normal returns e as everybody may rely on it: with a known class, a bounded
// printable text and a bounded wait. A host's provider may have filled it in.
func (e *Error) normal() *Error {
	if e == nil {
		return transient("provider returned an error that is a nil *provider.Error")
	}
	n := *e
	switch n.Class {
	case messages.ClassRejected, messages.ClassMalformed, messages.ClassThrottled,
		messages.ClassAmbiguous, messages.ClassPanic, messages.ClassTransient:
	default:
		n.Class = messages.ClassTransient
	}
	n.Code, n.Reason = printable(n.Code, maxCode), printable(n.Reason, maxCode)
	n.Description = printable(n.Description, maxDescription)
	n.Text = printable(n.Text, maxText)
	n.Lost = printable(n.Lost, maxText)
	if n.Text == "" {
		n.Text = "provider gave no reason"
	}
	n.Stack = n.Stack[:min(len(n.Stack), maxStack)]
	n.RetryAfter = min(max(n.RetryAfter, 0), maxRetryAfter)
	n.Wait, n.Probe = min(max(n.Wait, -1), maxRetryAfter), min(max(n.Probe, 0), maxRetryAfter)
	return &n
}

func transient(text string) *Error {
	return &Error{Class: messages.ClassTransient, Text: printable(text, maxText)}
}

func malformed(text string) *Error {
	return &Error{Class: messages.ClassMalformed, Text: printable(text, maxText)}
}
