package provider

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"tokend/messages"
)

// Trace is what an acquisition did, for somebody who wants to know where it went
// wrong. The providers of this package fill it in, see [WithTrace]. It may be read
// when the acquisition has ended.
type Trace struct {
	URL    string // where the last request went, as scheme://host/path; empty: none was sent
	Status int    // HTTP status of its answer; 0: none came

	secret  bool // the path is configured as a secret
	secrets []messages.Secret
	batch   *batch // of connections over which the last request went; nil: none was sent
}

type traceKey struct{}

// WithTrace returns a context whose acquisition fills in t.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// traceOf returns the trace of ctx; one that nobody looks at if it has none.
func traceOf(ctx context.Context) *Trace {
	if t, ok := ctx.Value(traceKey{}).(*Trace); ok && t != nil {
		return t
	}
	return new(Trace)
}

// judge has the connection serve no further requests that brought an answer which no
// server gives that is what it should be. Others would get the like.
func (t *Trace) judge(e *Error) {
	if t.batch != nil && e.speaksAgainst(t.Status) {
		t.batch.retire()
	}
}

// speaksAgainst reports whether e, after an answer with that status, is a reason to avoid
// the machine that gave it: it is in trouble, or not the one that it was. An answer
// that refuses credentials or asks to wait is none.
func (e *Error) speaksAgainst(status int) bool {
	switch {
	case status == 0:
		return false
	case e.Page, status >= 500:
		return true
	default:
		return e.Class == messages.ClassTransient || e.Class == messages.ClassMalformed
	}
}

// cover says that URLs are configured as secrets, and which texts in them are that
// by themselves.
func (t *Trace) cover(secrets []messages.Secret) { t.secret, t.secrets = true, secrets }

// sent notes that a request is sent.
func (t *Trace) sent(u *url.URL) {
	t.Status = 0
	t.URL = (&url.URL{Scheme: u.Scheme, Host: u.Host}).String() + t.path(u)
}

// path returns the path as it may be shown: of one that is a secret, what cannot be
// a key.
func (t *Trace) path(u *url.URL) string {
	path := u.EscapedPath()
	if t.secret {
		segments := strings.Split(path, "/")
		for i, segment := range segments {
			if !t.showable(segment) {
				segments[i] = messages.Redacted
			}
		}
		path = strings.Join(segments, "/")
	}
	return printable(path, maxText)
}

// showable reports whether a segment is a word or the number of a version, in
// which nothing of a secret shows.
func (t *Trace) showable(segment string) bool {
	plain, err := url.PathUnescape(segment)
	if err != nil {
		return false
	}
	for _, secret := range t.secrets {
		parts := strings.FieldsFunc(secret.Reveal(), func(r rune) bool { return strings.ContainsRune("/?#", r) })
		if slices.ContainsFunc(parts, func(part string) bool {
			return strings.Contains(segment, part) || strings.Contains(plain, part)
		}) {
			return false
		}
	}
	return isRoute(plain) || len(plain) < minSecret
}
