package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"tokend/system/httpapi"
)

func TestFindNode(t *testing.T) {
	tests := map[string]struct{ flag, env, addr, base string }{
		"the socket by default":      {"", "", defaultAddr, "http://localhost"},
		"the environment":            {"", "http://127.0.0.1:1", "http://127.0.0.1:1", "http://127.0.0.1:1"},
		"the flag before all":        {"http://[::1]:2/", "http://127.0.0.1:1", "http://[::1]:2/", "http://[::1]:2"},
		"as a configuration says it": {"tcp://localhost:3", "", "tcp://localhost:3", "http://localhost:3"},
		"another socket":             {"unix:///tmp/s", "", "unix:///tmp/s", "http://localhost"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := program{getenv: func(string) string { return tt.env }}
			n, err := p.findNode(tt.flag)
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
		"unix://relative", "unix:", "/run/s", "127.0.0.1:7460", "https://127.0.0.1", "http://", "http://127.0.0.1/path",
		"http://127.0.0.1?q", "http://user@127.0.0.1", "http://10.0.0.1:7460", "http://node.example", "http://localhost.example", ":",
	} {
		if _, err := (program{getenv: func(string) string { return "" }}).findNode(addr); err == nil {
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
			var out, errs bytes.Buffer
			p := program{stdout: &out, stderr: &errs, getenv: func(string) string { return "" }}
			if code := run(t.Context(), p, []string{"get", "billing", "--addr", server.URL}); code != exitFailed {
				t.Errorf("exit code %d", code)
			}
			if !strings.Contains(errs.String(), "tokend: unavailable: what answers at") || !strings.Contains(errs.String(), tt.want) || out.Len() > 0 {
				t.Errorf("stderr %q, stdout %q", &errs, &out)
			}
		})
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
		"a problem with a next try": {
			&httpapi.Problem{Code: "unavailable", Detail: "refused", Class: "transient", Attempts: 3, NextTry: noon}, exitFailed,
			"tokend: unavailable: refused (transient, attempt 3, next try at " + noon.Local().Format(clockLayout) + ")\n",
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

func TestVersionText(t *testing.T) {
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
			if got := versionText(tt.info); !strings.HasPrefix(got, tt.want) {
				t.Errorf("got %q, want it to begin with %q", got, tt.want)
			}
		})
	}
}

func TestInfoLeavesOutWhatIsNotThere(t *testing.T) {
	for _, row := range infoRows(httpapi.TokenInfo{Service: "a", State: "empty"}, noon) {
		switch row[0] {
		case "service", "state", "generation", "answered", "acquired":
		default:
			t.Errorf("row %q", row)
		}
	}
	failure := &httpapi.Failure{Class: "transient", Text: "refused", At: noon, Attempts: 2, NextTry: noon.Add(time.Minute)}
	if got := lastError(failure, noon); got != "transient: refused (attempt 2, now, next try in 1m0s)" {
		t.Errorf("last error %q", got)
	}
}
