package provider

import (
	"encoding/json"
	"strings"
	"testing"

	"tokend/messages"
)

// What an answer brought stays a part of what it is put into.
func TestCapturedValuesDoNotChangeARequest(t *testing.T) {
	const (
		inPath  = `?, # or \, which end a path`
		inQuery = "&, #, + or %, which mean something else in a query"
		escape  = "%2e or %2f, which some servers read as . and /"
		step    = "a step such as .. in a path"
		cookie  = "; or , or a control character, which end a cookie"
	)
	for name, c := range map[string]struct {
		url, cookie string
		a, b        string
		holds       string // what is wrong with a value; empty: it is sent
		want        string // target and cookie as they are sent
	}{
		"a word in the path":              {"/{{ .a }}/x", "", "abc", "-", "", "/last/abc/x "},
		"a part of a word":                {"/a-{{ .a }}.json", "", "1.2", "-", "", "/last/a-1.2.json "},
		"slashes":                         {"/{{ .a }}", "", "a/b", "-", "", "/last/a/b "},
		"dots that are no step":           {"/{{ .a }}", "", "..a/b../...", "-", "", "/last/..a/b../... "},
		"a question mark":                 {"/{{ .a }}/x", "", "a?b=c", "-", inPath, ""},
		"a fragment":                      {"/{{ .a }}", "", "a#b", "-", inPath, ""},
		"a backslash":                     {"/{{ .a }}", "", `..\..\admin`, "-", inPath, ""},
		"a step up":                       {"/{{ .a }}/x", "", "../admin", "-", step, ""},
		"a step up in the middle":         {"/{{ .a }}", "", "a/../../admin", "-", step, ""},
		"a step up at the end":            {"/{{ .a }}", "", "a/..", "-", step, ""},
		"nothing but a step":              {"/x/{{ .a }}", "", "..", "-", step, ""},
		"a step of no move":               {"/{{ .a }}/x", "", ".", "-", step, ""},
		"a step of two values":            {"/{{ .a }}{{ .b }}/x", "", ".", ".", step, ""},
		"a step of a value and a text":    {"/.{{ .a }}/x", "", "./", "-", step, ""},
		"a step before a query":           {"/{{ .a }}?b=c", "", "..", "-", step, ""},
		"an escaped dot":                  {"/{{ .a }}", "", "%2e%2E/admin", "-", escape, ""},
		"an escaped slash":                {"/{{ .a }}", "", "..%2Fadmin", "-", escape, ""},
		"an escape of two values":         {"/{{ .a }}{{ .b }}", "", "%", "2e", escape, ""},
		"an escape of a value and a text": {"/{{ .a }}2f", "", "%", "-", escape, ""},
		"half an escape":                  {"/{{ .a }}", "", "100%", "-", "% without two hex digits after it", ""},
		"another escape":                  {"/{{ .a }}", "", "a%20b", "-", "", "/last/a%20b "},
		"a line end":                      {"/{{ .a }}", "", "a\r\nb", "-", "a control character", ""},
		"a word in the query":             {"?q={{ .a }}", "", "a=b/c?d", "-", "", "/last?q=a=b/c?d "},
		"another parameter":               {"?q={{ .a }}", "", "x&admin=1", "-", inQuery, ""},
		"a fragment in the query":         {"?q={{ .a }}&r=1", "", "x#", "-", inQuery, ""},
		"a plus":                          {"?q={{ .a }}", "", "a+b", "-", inQuery, ""},
		"an escape in the query":          {"?q={{ .a }}", "", "a%26b", "-", inQuery, ""},
		"a step in the query":             {"?q={{ .a }}", "", "../x", "-", "", "/last?q=../x "},
		"joined with a text":              {`?q={{ concat "x-" .a }}`, "", "a&b", "-", inQuery, ""},
		"joined and escaped":              {`?q={{ concat "x-" .a | url_escape }}`, "", "a&b", "-", "", "/last?q=x-a%26b "},
		"joined, one of them escaped":     {`?q={{ concat (url_escape .b) .a }}`, "", "a", "&", "", "/last?q=%26a "},
		"in small letters":                {"?q={{ lower .a }}", "", "A&B", "-", inQuery, ""},
		"as JSON":                         {"?q={{ json .a }}", "", "a+b", "-", inQuery, ""},
		"escaped in the path":             {"/{{ .a | url_escape }}", "", "../a?b#c\\d+%", "-", "", "/last/..%2Fa%3Fb%23c%5Cd%2B%25 "},
		"escaped in the query":            {"?q={{ .a | url_escape }}", "", "a&b#c+d%", "-", "", "/last?q=a%26b%23c%2Bd%25 "},
		"computed":                        {"?q={{ sha256 .a | hex }}", "", "&", "-", "", "/last?q=951dcee3a7a4f3aac67ec76a2ce4469cc76df650f134bf2572bf60a65c982338 "},
		"in base64":                       {"?q={{ .a | base64 }}", "", "\u00fb\u00ff&", "-", "", "/last?q=w7vDvyY= "},
		"a cookie":                        {"", "sid={{ .a }}", "a%b+c", "-", "", "/last sid=a%b+c"},
		"another cookie":                  {"", "sid={{ .a }}", "x; admin=1", "-", cookie, ""},
		"another cookie, old":             {"", "sid={{ .a }}", "x, admin=1", "-", cookie, ""},
		"a cookie with a control":         {"", "sid={{ .a }}", "x\ty", "-", cookie, ""},
		"a cookie, escaped":               {"", "sid={{ .a | url_escape }}", "x; y", "-", "", "/last sid=x%3B%20y"},
		"a cookie of two":                 {"", "sid={{ concat .b \"-\" .a }}; b=1", "x;y", "z", cookie, ""},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := json.Marshal(map[string]string{"a": c.a, "b": c.b})
			if err != nil {
				t.Fatal(err)
			}
			url, arrived := answering(t, says(200, string(body)), says(200, `{"t":"at"}`))
			last := HTTPRequest{Template: refs, URL: c.url}
			key := "url"
			if c.cookie != "" {
				last.Headers, key = map[string]string{"cookie": c.cookie}, "headers.cookie"
			}
			p := mustLogin(t, stepped(t, url, Step{Capture: map[string]Capture{"a": {Path: "a"}, "b": {Path: "b"}}}, last))
			if c.holds != "" {
				got := failure(t, p)
				text := "step 2 of 2: request." + key + ": the captured value a holds " + c.holds + ": use {{ .a | url_escape }}"
				wantFailure(t, got, messages.ClassMalformed, text)
				if len(arrived) != 1 {
					t.Errorf("%d requests", len(arrived))
				}
				return
			}
			acquire(t, p)
			<-arrived
			if got := <-arrived; got.target+" "+got.cookie != c.want {
				t.Errorf("got %q", got.target+" "+got.cookie)
			}
		})
	}
}

func FuzzShape(f *testing.F) {
	f.Add("../x", "%2", "e")
	f.Add("../", "\xd0", "0")
	f.Add("%2e%2E/", "\u0130", "0")
	f.Add("a?b", "#", `\`)
	f.Add(".", ".", "/")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		pieces := []piece{{"https://erp.example/api/", ""}, {a, "a"}, {b, "b"}, {"/x", ""}, {"?q=", ""}, {c, "c"}}
		if checkURL("url", pieces) != nil {
			return
		}
		path, query, _ := strings.Cut(strings.TrimPrefix(joined(pieces), "https://erp.example"), "?")
		lower := lowerASCII(path)
		if strings.Contains(path+"/", "/../") || strings.ContainsAny(path, `?#\`) || strings.Contains(lower, "%2e") || strings.ContainsAny(strings.TrimPrefix(query, "q="), "&#+%") {
			t.Errorf("%q %q", path, query)
		}
	})
}
