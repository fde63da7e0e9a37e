package system

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"tokend/config"
	"tokend/messages"
)

// placement says how a service's token is put into requests, and to which hosts they
// may go.
type placement struct{ messages.Placement }

// Placement returns where in a request the service's token goes, and to which hosts it
// may be sent. It is nil where the configuration says neither; it must not be written
// to.
func (s *System) Placement(service string) *messages.Placement {
	b := s.services.Load()
	if !b.placed {
		return nil
	}
	if v := b.services[service]; v != nil {
		return v.placement
	}
	return nil
}

// placementOf returns how the service's token is put into requests.
func (s *System) placementOf(service string) placement {
	if p := s.Placement(service); p != nil {
		return placement{*p}
	}
	return placement{}
}

// newPlacement returns what the configuration says of a service's token, nil if
// nothing.
func newPlacement(s *config.Service) *messages.Placement {
	if s.Inject == nil && len(s.Hosts) == 0 {
		return nil
	}
	p := injection(s.Inject)
	for _, host := range s.Hosts {
		p.Hosts = append(p.Hosts, strings.ToLower(host))
	}
	return &p
}

// injection returns the placement of an inject, that of none if it is nil.
func injection(i *config.Inject) messages.Placement {
	if i == nil {
		return messages.Placement{}
	}
	return messages.Placement{Header: i.Header, Prefix: i.Prefix, Query: i.Query, Cookie: i.Cookie}
}

// into puts the token into req, whose header and URL are its own, in place of what
// stands there under the same name.
func (p placement) into(req *http.Request, tok messages.Token) error {
	if p.Query != "" {
		setQuery(req.URL, p.Query, tok.Value())
		return nil
	}
	name, value, err := p.HeaderOf(tok)
	switch {
	case err != nil:
		return err
	case p.Cookie != "":
		setCookie(req.Header, p.Cookie, value)
	default:
		take(req.Header, name)
		req.Header[name] = []string{value}
	}
	return nil
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

// setCookie sets one cookie, name=value, and leaves the others as they are written.
func setCookie(header http.Header, name, cookie string) {
	var kept []string
	for _, line := range take(header, "Cookie") {
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.TrimSpace(pair)
			if key, _, _ := strings.Cut(pair, "="); pair != "" && strings.TrimSpace(key) != name {
				kept = append(kept, pair)
			}
		}
	}
	header.Set("Cookie", strings.Join(append(kept, cookie), "; "))
}

// conceal takes the token out of what came of a request that had it in its URL:
// servers lead to URLs that repeat the query, and errors like to name URLs.
func (p placement) conceal(tok messages.Token, resp *http.Response, err error) error {
	if p.Query == "" {
		return err
	}
	if resp != nil && resp.Header.Get("Location") != "" {
		resp.Header.Set("Location", p.scrub(resp.Header.Get("Location"), tok))
	}
	if err == nil || blotted(err.Error(), tok) == err.Error() {
		return err
	}
	return &concealed{blotted(err.Error(), tok), func(target error) bool { return errors.Is(err, target) }, timedOut(err)}
}

// scrub returns a URL without the token.
func (p placement) scrub(location string, tok messages.Token) string {
	u, err := url.Parse(location)
	if err != nil {
		return blotted(location, tok)
	}
	u.RawQuery = withoutParam(u.RawQuery, func(name, value string) bool { return name == p.Query && value == tok.Value() })
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
