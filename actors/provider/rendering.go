package provider

import (
	"encoding/json"
	"errors"
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
	out.do("url", func() error { return out.address(t) })
	out.do("form", func() error { return out.plain(t) })
	out.do("body", func() error { return out.content(t) })
	out.do("query", func() (err error) { return out.finishQuery(t) })
	out.do("headers", func() (err error) { out.req.Headers, err = renderAll(t.headers, nil, s, always); return err })
	out.req.Secrets = append(slices.Clone(out.req.Secrets), s.hidden...)
	return out.req, out.err
}

// rendering is a request in the making.
type rendering struct {
	scope   *scope
	req     HTTPRequest
	partial any // the JSON, where templates that need parts still stand
	err     error
}

func (r *rendering) do(key string, step func() error) {
	if r.err != nil {
		return
	}
	r.err = step()
	if _, told := errors.AsType[*unready](r.err); r.err != nil && !told {
		r.err = unreadyf("request.%s: %s", key, r.err)
	}
}

func (r *rendering) address(t *templated) (err error) {
	if err = t.checkHost(r.scope); err != nil {
		return err
	}
	if r.req.URL, err = t.url.render(r.scope); err != nil {
		return err
	}
	u, err := url.Parse(r.req.URL)
	if err != nil {
		return errors.New("not a URL")
	}
	made := &r.scope.made
	made.method, made.host, made.path = r.req.method(), u.Host, u.EscapedPath()
	return nil
}

func always(template) bool    { return true }
func plainly(t template) bool { return len(t.parts()) == 0 }
func needing(t template) bool { return !plainly(t) }

// plain renders what needs no part of the request. That is what params come to.
func (r *rendering) plain(t *templated) (err error) {
	s := r.scope
	if r.req.Query, err = renderAll(t.query, nil, s, plainly); err != nil {
		return err
	}
	if r.req.Form, err = renderAll(t.form, nil, s, plainly); err != nil {
		return err
	}
	if r.partial, err = renderTree(t.json, s, plainly); err != nil {
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
	if r.req.Form, err = renderAll(t.form, r.req.Form, r.scope, needing); err != nil {
		return err
	}
	if r.req.JSON, err = renderTree(r.partial, r.scope, needing); err != nil {
		return err
	}
	if t.Body != nil {
		text, err := t.body.render(r.scope)
		if err != nil {
			return err
		}
		r.req.Body = &text
	}
	body, _, err := r.req.content()
	r.scope.made.body = string(body)
	return err
}

// finishQuery finishes the query and makes it known as it is sent.
func (r *rendering) finishQuery(t *templated) (err error) {
	if r.req.Query, err = renderAll(t.query, r.req.Query, r.scope, needing); err != nil {
		return err
	}
	u, err := url.Parse(r.req.URL)
	if err != nil {
		return errors.New("not a URL")
	}
	r.req.addQuery(u)
	r.scope.made.query = u.RawQuery
	return nil
}

// renderAll adds to done what those templates come to that are wanted.
func renderAll(all map[string]template, done map[string]string, s *scope, wanted func(template) bool) (map[string]string, error) {
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
			return nil, err
		}
		done[name] = text
	}
	return done, nil
}

// renderTree returns a copy of v in which those templates are rendered that are
// wanted.
func renderTree(v any, s *scope, wanted func(template) bool) (any, error) {
	switch v := v.(type) {
	case template:
		if !wanted(v) {
			return v, nil
		}
		return v.render(s)
	case []any:
		made := make([]any, len(v))
		for i, item := range v {
			var err error
			if made[i], err = renderTree(item, s, wanted); err != nil {
				return nil, err
			}
		}
		return made, nil
	case map[string]any:
		made := make(map[string]any, len(v))
		for name, item := range v {
			var err error
			if made[name], err = renderTree(item, s, wanted); err != nil {
				return nil, err
			}
		}
		return made, nil
	default:
		return v, nil
	}
}
