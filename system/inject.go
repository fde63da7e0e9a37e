package system

import (
	"errors"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"tokend/config"
	"tokend/messages"
)

// authorization is where tokens go that nothing else is said about.
const authorization = "Authorization"

// injection says how a service's token is put into requests.
type injection struct{ config.Inject }

// injectionOf returns how the service's token is put into requests.
func (s *System) injectionOf(service string) injection {
	if v := s.services.Load().services[service]; v != nil && v.configured.Inject != nil {
		return injection{*v.configured.Inject}
	}
	return injection{config.Inject{Header: authorization}}
}

var errCookie = errors.New("the token holds a character that no cookie may carry")

// into puts the token into req, whose header and URL are its own, in place of what
// stands there under the same name.
func (i injection) into(req *http.Request, tok messages.Token) error {
	switch {
	case i.Query != "":
		setQuery(req.URL, i.Query, tok.Value())
	case i.Cookie != "":
		if strings.ContainsAny(tok.Value(), "\";\\") { // RFC 6265, section 4.1.1
			return &messages.Error{Kind: messages.ErrInvalidResponse, Service: tok.Service, Cause: errCookie}
		}
		setCookie(req.Header, i.Cookie, tok.Value())
	default:
		name := textproto.CanonicalMIMEHeaderKey(i.Header)
		take(req.Header, name)
		req.Header[name] = []string{i.value(tok)}
	}
	return nil
}

// value returns what the header holds.
func (i injection) value(tok messages.Token) string {
	switch {
	case i.Prefix != nil:
		return *i.Prefix + tok.Value()
	case strings.EqualFold(i.Header, authorization):
		return tok.Header()
	default:
		return tok.Value()
	}
}

// take removes a header, however its name is spelt, and returns what it held.
func take(header http.Header, name string) []string {
	var held []string
	for key, values := range header {
		if strings.EqualFold(key, name) {
			held = append(held, values...)
			delete(header, key)
		}
	}
	return held
}

// setQuery sets one parameter and leaves the others as they are written.
func setQuery(u *url.URL, name, value string) {
	kept := withoutParam(u.RawQuery, func(key, _ string) bool { return key == name })
	if kept != "" {
		kept += "&"
	}
	u.RawQuery = kept + url.QueryEscape(name) + "=" + url.QueryEscape(value)
}

// withoutParam returns a query without the parameters that are unwanted.
func withoutParam(query string, unwanted func(name, value string) bool) string {
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if pair != "" && !unwanted(unescaped(name), unescaped(value)) {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
}

func unescaped(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

// setCookie sets one cookie and leaves the others as they are written.
func setCookie(header http.Header, name, value string) {
	var kept []string
	for _, line := range take(header, "Cookie") {
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.TrimSpace(pair)
			if key, _, _ := strings.Cut(pair, "="); pair != "" && strings.TrimSpace(key) != name {
				kept = append(kept, pair)
			}
		}
	}
	header.Set("Cookie", strings.Join(append(kept, name+"="+value), "; "))
}

// conceal takes the token out of what came of a request that had it in its URL:
// servers lead to URLs that repeat the query, and errors like to name URLs.
func (i injection) conceal(tok messages.Token, resp *http.Response, err error) error {
	if i.Query == "" {
		return err
	}
	if resp != nil && resp.Header.Get("Location") != "" {
		resp.Header.Set("Location", i.scrub(resp.Header.Get("Location"), tok))
	}
	if err == nil || blotted(err.Error(), tok) == err.Error() {
		return err
	}
	return &concealed{blotted(err.Error(), tok), func(target error) bool { return errors.Is(err, target) }, timedOut(err)}
}

// scrub returns a URL without the token.
func (i injection) scrub(location string, tok messages.Token) string {
	u, err := url.Parse(location)
	if err != nil {
		return blotted(location, tok)
	}
	u.RawQuery = withoutParam(u.RawQuery, func(name, value string) bool { return name == i.Query && value == tok.Value() })
	return blotted(u.String(), tok)
}

// blotted returns text without the token, as it is or escaped.
func blotted(text string, tok messages.Token) string {
	for _, form := range []string{tok.Value(), url.QueryEscape(tok.Value()), url.PathEscape(tok.Value())} {
		text = strings.ReplaceAll(text, form, "redacted")
	}
	return text
}

// concealed is an error whose own text holds a token. It can be asked what it is,
// but nothing leads to the error itself.
type concealed struct {
	text     string
	is       func(target error) bool
	timedOut bool
}

func (e *concealed) Error() string { return e.text }

// Is reports whether the error is target.
func (e *concealed) Is(target error) bool { return e.is(target) }

// Timeout reports whether time ran out, as [net.Error] has it.
func (e *concealed) Timeout() bool { return e.timedOut }

func timedOut(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && t.Timeout()
}
