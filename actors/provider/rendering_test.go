package provider

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzTemplatedRequest sees to it that no template and no captured value decide
// whom a request is sent to, and that what is read can be rendered.
func FuzzTemplatedRequest(f *testing.F) {
	f.Add("https://erp.example/{{ .challenge }}", "{{ params }}", "{{ concat path query body | sha256 | hex }}", "@other.example/")
	f.Add("https://erp.example?{{ .challenge }}", "{{ nonce }}", "{{ .challenge }}", "#x")
	f.Add("https://erp.example:443/a{{ nonce }}", "${key}", "a", "://")
	f.Add("https://u:{{ .challenge }}@erp.example/", "{{", "}}", `\\other.example`)
	f.Fuzz(func(t *testing.T, address, text, header, value string) {
		r := HTTPRequest{
			URL: address, Template: refs, Headers: map[string]string{"X": header},
			Query: map[string]string{"q": text, "p": "1"}, JSON: map[string]any{"a": text, "b": []any{text, 1, nil}},
		}
		read, errs := readTemplates("request", &r)
		s := newScope(signTime, map[string]string{"challenge": value}, refs)
		u, found := read.check("request", Endpoint{}, s)
		if len(errs)+len(found) > 0 {
			return
		}
		made, err := read.render(s)
		if err != nil {
			return
		}
		if made.Template != nil || !strings.HasPrefix(made.URL, read.start(s)) {
			t.Errorf("made %q", made.URL)
		}
		if to, err := url.Parse(made.URL); err == nil && (to.Host != u.Host || to.Scheme != u.Scheme) {
			t.Errorf("%q leads to %s, not to %s", made.URL, to.Host, u.Host)
		}
	})
}
