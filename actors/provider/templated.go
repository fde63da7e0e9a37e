package provider

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// templated is an [HTTPRequest] whose texts have been read as templates. Texts of
// the JSON are leaves of type template.
type templated struct {
	HTTPRequest

	url, body            template
	query, headers, form map[string]template
	json                 any
}

// The parts of the request that templates in each place may need: a part is there
// only once everything that it consists of is.
var (
	inURL     []string
	inContent = []string{partMethod, partHost, partPath, partParams}
	inQuery   = append(slices.Clone(inContent), partBody)
	inHeaders = append(slices.Clone(inQuery), partQuery)
)

// templateReader reads the templates of a request and keeps what is wrong, by key.
type templateReader struct {
	key  string // of the request
	errs []error
}

func (r *templateReader) fail(key string, err error) {
	r.errs = append(r.errs, &KeyError{r.key + "." + key, err.Error()})
}

// readTemplates reads the texts of r as templates. key is that of the request in
// errors, which quote nothing of it.
func readTemplates(key string, r *HTTPRequest) (*templated, []error) {
	read := &templateReader{key: key}
	t := &templated{
		HTTPRequest: *r,
		url:         read.text("url", r.URL, inURL),
		query:       read.texts("query", r.Query, inQuery),
		headers:     read.texts("headers", r.Headers, inHeaders),
		form:        read.texts("form", r.Form, inContent),
		json:        read.tree("json", r.JSON),
	}
	if r.Body != nil {
		t.body = read.text("body", *r.Body, inContent)
	}
	for name, one := range t.headers {
		if strings.EqualFold(name, "Host") && slices.ContainsFunc(one, changing) {
			read.fail(below("headers", name), errHost)
		}
	}
	return t, read.errs
}

func (r *templateReader) text(key, text string, allowed []string) template {
	t, err := parseTemplate(text)
	if err != nil {
		r.fail(key, err)
		return nil
	}
	for _, part := range t.parts() {
		if !slices.Contains(allowed, part) {
			r.fail(key, fmt.Errorf("{{ }} calls %s, which is not known there: it may stand %s", part, knownIn[part]))
		}
	}
	return t
}

// knownIn says where the parts of a request may be used.
var knownIn = map[string]string{
	partMethod: "everywhere but in the url",
	partHost:   "everywhere but in the url",
	partPath:   "everywhere but in the url",
	partParams: "everywhere but in the url",
	partBody:   "in query and headers",
	partQuery:  "in headers",
}

func (r *templateReader) texts(key string, all map[string]string, allowed []string) map[string]template {
	if all == nil {
		return nil
	}
	read := make(map[string]template, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		read[name] = r.text(below(key, name), all[name], allowed)
	}
	return read
}

// below appends a name to a key if it can be nothing but a name: a secret may
// stand in its place.
func below(key, name string) string {
	odd := strings.ContainsFunc(name, func(r rune) bool {
		return r >= 0x80 || !alphanumeric(r) && r != '-' && r != '_' && r != '.'
	})
	if odd || name == "" || len(name) > maxCode {
		return key
	}
	return key + "." + name
}

func (r *templateReader) tree(key string, v any) any {
	switch v := v.(type) {
	case string:
		return r.text(key, v, inContent)
	case []any:
		read := make([]any, len(v))
		for i, item := range v {
			read[i] = r.tree(fmt.Sprintf("%s[%d]", key, i), item)
		}
		return read
	case map[string]any:
		read := make(map[string]any, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			read[name] = r.tree(below(key, name), v[name])
		}
		return read
	default:
		return v
	}
}

// each visits all templates with their keys below the request.
func (t *templated) each(visit func(key string, t template)) {
	visit("url", t.url)
	visit("body", t.body)
	for key, set := range map[string]map[string]template{"query": t.query, "headers": t.headers, "form": t.form} {
		for name, one := range set {
			visit(below(key, name), one)
		}
	}
	leaves(t.json, func(one template) { visit("json", one) })
}

func leaves(v any, visit func(template)) {
	switch v := v.(type) {
	case template:
		visit(v)
	case []any:
		for _, item := range v {
			leaves(item, visit)
		}
	case map[string]any:
		for _, item := range v {
			leaves(item, visit)
		}
	}
}

var (
	errFreeHost = errors.New("may hold {{ }} after the host's / or ? only")
	errHost     = errors.New("may hold no {{ }} that comes to something else each time")
)

// check says what can be known to be wrong before any request, and returns the URL
// as far as it is known.
func (t *templated) check(key string, e Endpoint, s *scope) (*url.URL, []error) {
	read := &templateReader{key: key}
	t.each(func(at string, one template) {
		if err := one.check(s); err != nil {
			read.fail(at, err)
		}
	})
	if len(t.url) == 0 {
		return nil, read.errs // what is wrong with it has been said
	}
	if err := t.checkHost(s); err != nil {
		read.fail("url", err)
		return nil, read.errs
	}
	u, err := e.parse(key+".url", t.start(s))
	if err != nil {
		read.errs = append(read.errs, err)
	}
	return u, read.errs
}

// start returns what of the URL stands before the first call, empty if that cannot
// be read.
func (t *templated) start(s *scope) string {
	if len(t.url) == 0 {
		return ""
	}
	first, ok := t.url[0].(literal)
	if !ok {
		return ""
	}
	text, err := s.literal(string(first))
	if err != nil {
		return ""
	}
	return text
}

// checkHost sees to it that no answer can decide whom a request is sent to.
func (t *templated) checkHost(s *scope) error {
	if len(t.url) < 2 && t.start(s) != "" {
		return nil
	}
	_, rest, ok := strings.Cut(t.start(s), "://")
	if !ok || !strings.ContainsAny(rest, "/?") {
		return errFreeHost
	}
	return nil
}
