package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"tokend/system/httpapi"
)

func TestFindNode(t *testing.T) {
	tests := map[string]struct{ flag, env, addr, base string }{
		"the socket by default":      {"", "", defaultAddr, "http://localhost"},
		"the environment":            {"", "http://127.0.0.1:1", "http://127.0.0.1:1", "http://127.0.0.1:1"},
		"the flag before all":        {"http://[::1]:2/", "http://127.0.0.1:1", "http://[::1]:2", "http://[::1]:2"},
		"as a configuration says it": {"tcp://localhost:3", "", "http://localhost:3", "http://localhost:3"},
		"another machine":            {"https://node.example:7460/", "", "https://node.example:7460", "https://node.example:7460"},
		"capitals":                   {"http://LOCALHOST:3", "", "http://LOCALHOST:3", "http://LOCALHOST:3"},
		"capitals of another kind":   {"tcp://LocalHost:3", "", "http://LocalHost:3", "http://LocalHost:3"},
		"a zone":                     {"http://[::1%25lo]:3", "", "http://[::1%25lo]:3", "http://[::1%25lo]:3"},
		"a zone as listeners say it": {"tcp://[::1%lo]:3", "", "http://[::1%25lo]:3", "http://[::1%25lo]:3"},
		"a zone of another machine":  {"https://[fe80::1%eth0]:3", "", "https://[fe80::1%25eth0]:3", "https://[fe80::1%25eth0]:3"},
		"a mapped address":           {"http://[::ffff:127.0.0.1]:3", "", "http://[::ffff:127.0.0.1]:3", "http://[::ffff:127.0.0.1]:3"},
		"another socket":             {"unix:///tmp/s", "", "unix:///tmp/s", "http://localhost"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := program{getenv: func(name string) string { return map[string]string{addrEnv: tt.env}[name] }}
			n, err := p.findNode(place{addr: tt.flag})
			if err != nil {
				t.Fatal(err)
			}
			if n.addr != tt.addr || n.base != tt.base {
				t.Errorf("found %s at %s", n.addr, n.base)
			}
		})
	}
}

func TestAddressesThatAreNone(t *testing.T) {
	for _, addr := range []string{
		"unix://relative", "unix:", "/run/s", "127.0.0.1:7460", "https://127.0.0.1/x", "https://", "https://user@node.example", "http://", "http://127.0.0.1/path",
		"http://127.0.0.1?q", "http://user@127.0.0.1", "http://10.0.0.1:7460", "http://node.example", "http://localhost.example", ":",
		"http://[fe80::1%25lo]:1", "http://[fe80::1%lo]:1", "http://0.0.0.0:1", "http://[::]:1", "http://LOCALHOST.example:1", "http://[::1%]:1",
	} {
		if _, err := (program{getenv: func(string) string { return "" }}).findNode(place{addr: addr}); err == nil {
			t.Errorf("%q is taken for an address", addr)
		}
	}
}

func TestAnswersThatAreNoNodes(t *testing.T) {
	tests := map[string]struct {
		status int
		body   string
		want   string
	}{
		"another program":   {200, "<html>", "is no tokend, or one of another version"},
		"another's JSON":    {200, "{}", "is no tokend, or one of another version"},
		"nothing at all":    {200, "null", "is no tokend, or one of another version"},
		"another's error":   {500, "<html>", "is no tokend: status 500"},
		"another's problem": {404, `{"title":"Not Found"}`, "is no tokend: status 404"},
		"a redirect":        {302, "", "is no tokend: status 302"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tt.status)
				_, _ = fmt.Fprint(w, tt.body)
			}))
			defer server.Close()
			for _, format := range []string{formatToken, formatHeader, formatJSON, formatExec} {
				var out, errs bytes.Buffer
				p := program{stdout: &out, stderr: &errs, getenv: func(string) string { return "" }}
				if code := run(t.Context(), p, []string{"get", "billing", "--addr", server.URL, "--output", format}); code != exitFailed {
					t.Errorf("%s: exit code %d", format, code)
				}
				if !strings.Contains(errs.String(), "tokend: unavailable: what answers at") || !strings.Contains(errs.String(), tt.want) || out.Len() > 0 {
					t.Errorf("%s: stderr %q, stdout %q", format, &errs, &out)
				}
			}
		})
	}
}

// asked runs a command against a node that answers with status and body.
func asked(t *testing.T, status int, body string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body)
	}))
	defer server.Close()
	var out, errs bytes.Buffer
	p := program{stdout: &out, stderr: &errs, getenv: func(string) string { return "" }}
	code = run(t.Context(), p, append(args, "--addr", server.URL))
	return code, out.String(), errs.String()
}

func TestWhatAnswersDoesNotSteerTheTerminal(t *testing.T) {
	const (
		nasty   = `\u001b[2J\u001b]0;pwn\u0007\r\u009b31m\u202e` + "\u009b\x7f"
		problem = `{"code":"x` + nasty + `","detail":"` + nasty + `\nline","status":503,"attempts":1,"class":"` + nasty + `"}`
		info    = `{"service":"` + nasty + `","provider":"` + nasty + `","state":"` + nasty + `","scopes":["` + nasty + `"],"fingerprint":"` + nasty + `","refresh_threshold":"` + nasty + `","token_type":"` + nasty + `","last_error":{"class":"` + nasty + `","text":"` + nasty + `"}}`
		list    = `{"services":[` + info + `]}`
	)
	tests := map[string]struct {
		status int
		body   string
		args   []string
	}{
		"a problem":        {503, problem, []string{"get", "a"}},
		"a list":           {200, list, []string{"list"}},
		"an info":          {200, info, []string{"info", "a"}},
		"a list as JSON":   {200, list, []string{"list", "--output", "json"}},
		"an info as JSON":  {200, info, []string{"info", "a", "--output", "json"}},
		"a token as JSON":  {200, "{\"access_token\":\r\n\"" + nasty + "\xff\"}", []string{"get", "a", "--output", "json"}},
		"no JSON as JSON":  {200, "\x1b[2J", []string{"get", "a", "--output", "json"}},
		"no JSON as list":  {200, "\x1b[2J", []string{"list", "--output", "json"}},
		"no HTTP's status": {299, "\x1b[2J", []string{"get", "a"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, stdout, stderr := asked(t, tt.status, tt.body, tt.args...)
			if stdout+stderr == "" {
				t.Error("it says nothing")
			}
			for _, r := range strings.ReplaceAll(stdout+stderr, "\n", "") {
				if !unicode.IsPrint(r) {
					t.Fatalf("%q in %q %q", r, stdout, stderr)
				}
			}
		})
	}
}

func TestEscapedJSONIsTheSame(t *testing.T) {
	const text = "{\"a\":\"\x7f\u009b\u202e\U000e0001 \u00e9\\n\"}"
	var before, after map[string]string
	if err := errors.Join(json.Unmarshal([]byte(text), &before), json.Unmarshal([]byte(escaped(text)), &after)); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(before, after) {
		t.Errorf("%q became %q", text, escaped(text))
	}
}

func TestTokensThatNoHeaderCarries(t *testing.T) {
	tests := map[string]struct {
		token, kind string
		good        bool
	}{
		"a token":                   {"abc-._~+/=1", "Bearer", true},
		"a token of two words":      {"abc def", "Bearer", true},
		"a line break":              {`abc\nX-Evil: 1`, "Bearer", false},
		"a carriage return":         {`abc\rX`, "Bearer", false},
		"an escape":                 {`\u001b]0;pwn\u0007`, "Bearer", false},
		"a character of eight bits": {`\u009b31m`, "Bearer", false},
		"a space at its end":        {"abc ", "Bearer", false},
		"no token":                  {"", "Bearer", false},
		"an escape in the type":     {"abc", `Be\u001b[31m`, false},
		"two words as type":         {"abc", "Bearer x", false},
		"no type":                   {"abc", "", false},
	}
	for name, tt := range tests {
		for _, output := range []string{"token", "header"} {
			t.Run(name+" as "+output, func(t *testing.T) {
				body := fmt.Sprintf(`{"access_token":"%s","token_type":"%s"}`, tt.token, tt.kind)
				code, stdout, stderr := asked(t, http.StatusOK, body, "get", "a", "--output", output)
				if tt.good && (code != exitOK || !strings.HasSuffix(stdout, tt.token+"\n")) {
					t.Errorf("code %d, %q, %q", code, stdout, stderr)
				}
				if !tt.good && (code != exitFailed || stdout != "" || !strings.Contains(stderr, "is no tokend")) {
					t.Errorf("code %d, %q, %q", code, stdout, stderr)
				}
			})
		}
	}
}

func TestAClientThatIsInterruptedSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	defer server.Close()
	var out, errs bytes.Buffer
	p := program{stdout: &out, stderr: &errs, getenv: func(string) string { return "" }}
	if code := run(ctx, p, []string{"get", "a", "--addr", server.URL}); code != exitFailed || !strings.HasPrefix(errs.String(), "tokend: interrupted: ") {
		t.Errorf("code %d, %q", code, &errs)
	}
}

func TestReport(t *testing.T) {
	tests := map[string]struct {
		err  error
		code int
		want string
	}{
		"nothing":          {nil, exitOK, ""},
		"usage":            {usageError("so not"), exitUsage, "tokend: usage: so not\n"},
		"already said":     {fmt.Errorf("x: %w", reported(exitUsage)), exitUsage, ""},
		"a problem":        {&httpapi.Problem{Code: "rejected", Detail: "no"}, exitFailed, "tokend: rejected: no\n"},
		"anything else":    {errors.New("disk full"), exitFailed, "tokend: internal: disk full\n"},
		"more than a line": {errors.New("a\nb"), exitFailed, "tokend: internal: a; b\n"},
		"an end that took too long": {
			internal(fmt.Errorf("stop: %w", context.DeadlineExceeded)), exitFailed, "tokend: internal: stop: context deadline exceeded\n",
		},
		"what steers a terminal": {
			&httpapi.Problem{Code: "a\x1b", Detail: "b\x1b\r\nc\u009b"}, exitFailed, "tokend: a?: b??; c?\n",
		},
		"a problem with a next try": {
			&httpapi.Problem{Code: "unavailable", Detail: "refused", Class: "transient", Attempts: 3, NextTry: noon}, exitFailed,
			"tokend: unavailable: refused (transient, attempt 3, next try at 2026-03-01T12:00:00Z)\n",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var errs bytes.Buffer
			if code := report(&errs, tt.err); code != tt.code || errs.String() != tt.want {
				t.Errorf("code %d, %q", code, &errs)
			}
		})
	}
}

func TestBuildsInALine(t *testing.T) {
	tests := map[string]struct {
		info *debug.BuildInfo
		want string
	}{
		"no build info": {nil, "tokend (unknown) go"},
		"a release":     {&debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "tokend v1.2.3 go"},
		"a build with changes": {
			&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{
				{Key: "vcs.revision", Value: "0123456789abcdef"},
				{Key: "vcs.modified", Value: "true"},
			}},
			"tokend (devel) 0123456789ab+changes go",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := buildOf(tt.info).String(); !strings.HasPrefix(got, tt.want) {
				t.Errorf("got %q, want it to begin with %q", got, tt.want)
			}
		})
	}
}

func TestInfoLeavesOutWhatIsNotThere(t *testing.T) {
	for _, row := range infoRows(httpapi.TokenInfo{Service: "a", State: "empty"}, noon) {
		switch row[0] {
		case "service", "state", "generation", "answered", "acquisitions":
		default:
			t.Errorf("row %q", row)
		}
	}
	if rows := infoRows(httpapi.TokenInfo{ScopesMissing: []string{"a", "b"}}, noon); !slices.ContainsFunc(rows, func(row []string) bool {
		return row[0] == "scopes missing" && row[1] == "a b"
	}) {
		t.Errorf("missing scopes are left out of %q", rows)
	}
	if rows := infoRows(httpapi.TokenInfo{NotBefore: noon.Add(time.Minute)}, noon); !slices.ContainsFunc(rows, func(row []string) bool { return row[0] == "not before" }) {
		t.Errorf("the beginning is left out of %q", rows)
	}
	if rows := infoRows(httpapi.TokenInfo{Suspect: true}, noon); !slices.ContainsFunc(rows, func(row []string) bool { return row[0] == "suspect" }) {
		t.Errorf("suspicion is left out of %q", rows)
	}
	failure := &httpapi.Failure{Class: "transient", Text: "refused", At: noon, Attempts: 2, NextTry: noon.Add(time.Minute)}
	if got := lastError(failure, noon); got != "transient: refused (attempt 2, just now, next try in 1m0s)" {
		t.Errorf("last error %q", got)
	}
}
