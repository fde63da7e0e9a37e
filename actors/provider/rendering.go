package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// render returns the request that the templates come to. The parts of it that they
// may need are made in this order: URL without query, content, query, headers.
func (t *templated) render(s *scope) (HTTPRequest, error) {
	out := &rendering{scope: s, req: t.HTTPRequest}
	out.req.Template = nil
	for _, make := range []func(*templated) error{out.address, out.plain, out.content, out.query, out.headers} {
		if err := make(t); err != nil {
			return HTTPRequest{}, err
		}
	}
	out.req.Secrets = append(slices.Clone(out.req.Secrets), s.hidden...)
	return out.req, nil
}

// rendering is a request in the making.
type rendering struct {
	scope   *scope
	req     HTTPRequest
	url     *url.URL
	partial any // the JSON, where templates that need parts still stand
}

// spoilt says which part of a request a template spoils.
func spoilt(key string, err error) error { return unreadyf("request.%s: %s", key, err) }

func (r *rendering) address(t *templated) error {
	if err := t.checkHost(r.scope); err != nil {
		return spoilt("url", err)
	}
	pieces, err := t.url.pieces(r.scope)
	if err != nil {
		return spoilt("url", err)
	}
	if err := checkURL("request.url", pieces); err != nil {
		return err
	}
	text := joined(pieces)
	if r.url, err = url.Parse(text); err != nil {
		return spoilt("url", errors.New("not a URL"))
	}
	made := &r.scope.made
	r.req.URL, made.method, made.host, made.path = text, r.req.method(), r.url.Host, r.url.EscapedPath()
	return nil
}

func always(template) bool    { return true }
func plainly(t template) bool { return len(t.parts()) == 0 }
func needing(t template) bool { return !plainly(t) }

// plain renders what needs no part of the request. That is what params come to.
func (r *rendering) plain(t *templated) (err error) {
	s := r.scope
	if r.req.Query, err = renderAll("query", t.query, nil, s, plainly); err != nil {
		return err
	}
	if r.req.Form, err = renderAll("form", t.form, nil, s, plainly); err != nil {
		return err
	}
	if r.partial, err = renderTree("json", t.json, s, plainly); err != nil {
		return err
	}
	s.made.params = params(r.req.Query, r.req.Form, r.partial)
	return nil
}

// params returns the parameters in query, form and the top of a JSON object, by
// name.
func params(query, form map[string]string, document any) []param {
	var all []param
	for _, set := range []map[string]string{query, form} {
		for name, value := range set {
			all = append(all, param{name, value})
		}
	}
	object, _ := document.(map[string]any)
	for name, v := range object {
		switch v := v.(type) {
		case nil, template, []any, map[string]any:
		case string:
			all = append(all, param{name, v})
		default:
			number, _ := json.Marshal(v) // as it is sent
			all = append(all, param{name, string(number)})
		}
	}
	slices.SortFunc(all, func(a, b param) int {
		return strings.Compare(a.name+"\x00"+a.value, b.name+"\x00"+b.value)
	})
	return all
}

// content finishes the content and makes it known as body.
func (r *rendering) content(t *templated) (err error) {
	if r.req.Form, err = renderAll("form", t.form, r.req.Form, r.scope, needing); err != nil {
		return err
	}
	if r.req.JSON, err = renderTree("json", r.partial, r.scope, needing); err != nil {
		return err
	}
	if t.Body != nil {
		text, err := t.body.render(r.scope)
		if err != nil {
			return spoilt("body", err)
		}
		r.req.Body = &text
	}
	body, _, err := r.req.content()
	r.scope.made.body = string(body)
	return err
}

// query finishes the query and makes it known as it is sent.
func (r *rendering) query(t *templated) (err error) {
	if r.req.Query, err = renderAll("query", t.query, r.req.Query, r.scope, needing); err != nil {
		return err
	}
	sent := *r.url
	r.req.addQuery(&sent)
	r.scope.made.query = sent.RawQuery
	return nil
}

func (r *rendering) headers(t *templated) (err error) {
	for name, one := range t.headers {
		if !strings.EqualFold(name, "Cookie") {
			continue
		}
		pieces, err := one.pieces(r.scope)
		if err != nil {
			return spoilt(below("headers", name), err)
		}
		if err := checkCookie("request.headers."+name, pieces); err != nil {
			return err
		}
	}
	r.req.Headers, err = renderAll("headers", t.headers, nil, r.scope, always)
	return err
}

// renderAll adds to done what those templates come to that are wanted.
func renderAll(key string, all map[string]template, done map[string]string, s *scope, wanted func(template) bool) (map[string]string, error) {
	if all == nil {
		return nil, nil
	}
	if done == nil {
		done = make(map[string]string, len(all))
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !wanted(all[name]) {
			continue
		}
		text, err := all[name].render(s)
		if err != nil {
			return nil, spoilt(below(key, name), err)
		}
		done[name] = text
	}
	return done, nil
}

// renderTree returns a copy of v in which those templates are rendered that are
// wanted.
func renderTree(key string, v any, s *scope, wanted func(template) bool) (any, error) {
	switch v := v.(type) {
	case template:
		if !wanted(v) {
			return v, nil
		}
		text, err := v.render(s)
		if err != nil {
			return nil, spoilt(key, err)
		}
		return text, nil
	case []any:
		made := make([]any, len(v))
		for i, item := range v {
			var err error
			if made[i], err = renderTree(fmt.Sprintf("%s[%d]", key, i), item, s, wanted); err != nil {
				return nil, err
			}
		}
		return made, nil
	case map[string]any:
		made := make(map[string]any, len(v))
		for name, item := range v {
			var err error
			if made[name], err = renderTree(below(key, name), item, s, wanted); err != nil {
				return nil, err
			}
		}
		return made, nil
	default:
		return v, nil
	}
}
