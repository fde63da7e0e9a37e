package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"

	"tokend/messages"
)

// redacted makes the struct that embeds it print as [messages.Redacted] by every
// way that [messages.Secret] does.
type redacted struct{}

// String returns [messages.Redacted].
func (redacted) String() string { return messages.Redacted }

// Format prints [messages.Redacted] for every verb.
func (redacted) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, messages.Redacted) }

// MarshalText returns [messages.Redacted].
func (redacted) MarshalText() ([]byte, error) { return []byte(messages.Redacted), nil }

// LogValue returns [messages.Redacted].
func (redacted) LogValue() slog.Value { return slog.StringValue(messages.Redacted) }

// hidden holds a value where fmt does not find it. It prints what sits in
// unexported fields without asking for methods, and when a verb does not fit it
// even follows a pointer to a struct or map, but never a pointer to a pointer.
type hidden[T any] struct{ at **T }

func hide[T any](v T) hidden[T] {
	p := &v
	return hidden[T]{&p}
}

func (h hidden[T]) isZero() bool { return h.at == nil }

// get returns the value, which must have been hidden.
func (h hidden[T]) get() *T { return *h.at }

// The structs that hold secrets beside other things are pointed to from a
// [Service], where fmt would print them without asking their fields; each has a
// Format that does ask.

// shown returns c as it may be printed: the query of a URL may hold a key.
func (c OAuth) shown() OAuth {
	c.TokenURL, c.Issuer = shownURL(c.TokenURL), shownURL(c.Issuer)
	return c
}

// shownURL returns scheme://host/path of a URL, and nothing of what is none.
func shownURL(text string) string {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return ""
	case err != nil || u.Host == "":
		return messages.Redacted
	default:
		return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
	}
}

// Format prints everything but secrets, for every verb.
func (c ClientCredentials) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "%+v", OAuth(c).shown())
}

// MarshalJSON returns everything but secrets.
func (c ClientCredentials) MarshalJSON() ([]byte, error) { return json.Marshal(OAuth(c).shown()) }

// MarshalYAML returns everything but secrets.
func (c ClientCredentials) MarshalYAML() (any, error) { return OAuth(c).shown(), nil }

// plainRefresh is a [RefreshToken] without methods.
type plainRefresh RefreshToken

func (r RefreshToken) plain() plainRefresh {
	r.OAuth = r.shown()
	return plainRefresh(r)
}

// Format prints everything but secrets, for every verb.
func (r RefreshToken) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "%+v", r.plain()) }

// MarshalJSON returns everything but secrets.
func (r RefreshToken) MarshalJSON() ([]byte, error) { return json.Marshal(r.plain()) }

// MarshalYAML returns everything but secrets.
func (r RefreshToken) MarshalYAML() (any, error) { return r.plain(), nil }

// Format prints everything but secrets, for every verb.
func (f Fallback) Format(s fmt.State, _ rune) {
	type plain Fallback
	_, _ = fmt.Fprintf(s, "%+v", plain(f))
}

// plainPassword is a [Password] without methods.
type plainPassword Password

func (p Password) plain() plainPassword {
	p.OAuth = p.shown()
	return plainPassword(p)
}

// Format prints everything but secrets, for every verb.
func (p Password) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "%+v", p.plain()) }

// MarshalJSON returns everything but secrets.
func (p Password) MarshalJSON() ([]byte, error) { return json.Marshal(p.plain()) }

// MarshalYAML returns everything but secrets.
func (p Password) MarshalYAML() (any, error) { return p.plain(), nil }

// plainBearer is a [JWTBearer] without methods.
type plainBearer JWTBearer

func (j JWTBearer) plain() plainBearer {
	j.OAuth = j.shown()
	return plainBearer(j)
}

// Format prints everything but secrets, for every verb.
func (j JWTBearer) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "%+v", j.plain()) }

// MarshalJSON returns everything but secrets.
func (j JWTBearer) MarshalJSON() ([]byte, error) { return json.Marshal(j.plain()) }

// MarshalYAML returns everything but secrets.
func (j JWTBearer) MarshalYAML() (any, error) { return j.plain(), nil }

// Format prints everything but secrets, for every verb.
func (l Login) Format(f fmt.State, _ rune) {
	type plain Login
	_, _ = fmt.Fprintf(f, "%+v", plain(l))
}

// Format prints everything but secrets, for every verb.
func (s Static) Format(f fmt.State, _ rune) {
	type plain Static
	_, _ = fmt.Fprintf(f, "%+v", plain(s))
}

// Format prints everything, for every verb: nothing in it is secret.
func (f File) Format(w fmt.State, _ rune) {
	type plain File
	_, _ = fmt.Fprintf(w, "%+v", plain(f))
}
