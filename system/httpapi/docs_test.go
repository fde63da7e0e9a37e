package httpapi

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// example is a curl command of the document, and the block that follows it.
type example struct{ command, answer string }

var fences = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```\n")

func examples(t *testing.T) (all []example, text string) {
	t.Helper()
	raw, err := os.ReadFile("../../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	after := false
	for _, m := range fences.FindAllStringSubmatch(string(raw), -1) {
		switch {
		case m[1] == "sh":
			all = append(all, example{command: strings.TrimSpace(m[2])})
		case after && (m[1] == "json" || m[1] == ""):
			all[len(all)-1].answer = strings.TrimSpace(m[2])
		}
		after = m[1] == "sh"
	}
	return all, string(raw)
}

// words splits a command line with single quotes.
func words(line string) []string {
	var all []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			all = append(all, part)
		} else {
			all = append(all, strings.Fields(part)...)
		}
	}
	return all
}

// curl reads a curl command.
func curl(t *testing.T, command string) *http.Request {
	t.Helper()
	args := words(command)
	method, body, target, header := http.MethodGet, "", "", http.Header{}
	for i := 1; i < len(args); i++ {
		switch args[i] {
		case "-s", "-N":
			continue
		case "-X", "-d", "-H", "-D", "--unix-socket":
			i++
		default:
			target = args[i]
			continue
		}
		switch args[i-1] {
		case "-X":
			method = args[i]
		case "-d":
			method, body = http.MethodPost, args[i]
		case "-H":
			name, value, _ := strings.Cut(args[i], ": ")
			header.Set(name, value)
		}
	}
	u, err := url.Parse(target)
	if err != nil || u.Host == "" {
		t.Fatalf("%q asks nobody", command)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, u.RequestURI(), strings.NewReader(body))
	maps.Copy(r.Header, header)
	return r
}

func TestTheDocumentsExamplesAreTrue(t *testing.T) {
	all, _ := examples(t)
	asked := map[*route]bool{}
	for _, e := range all {
		t.Run(e.command, func(t *testing.T) {
			k := newFake()
			k.current = true
			k.publish(happened("other"), happened("billing"))
			k.end() // so that a stream ends
			r := curl(t, e.command)
			rt, _ := find(r.URL)
			asked[rt] = true
			rec := &reader{header: http.Header{}}
			reload := func(context.Context) (Reloaded, error) { return Reloaded{Reloaded: true, Added: 1, Changed: 2}, nil }
			opts := Options{Reload: reload, Now: func() time.Time { return noon }, Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(nil) })}
			New(k, opts).ServeHTTP(rec, r)
			got := strings.TrimSpace(rec.text.String())
			switch rt {
			case authorizeRoute:
				got = "Authorization: " + rec.header.Get("Authorization")
			case openapiRoute:
				got = ""
			}
			if e.answer != "" && got != e.answer || rec.status >= http.StatusInternalServerError || rt == nil {
				t.Errorf("status %d, got\n%s\nwant\n%s", rec.status, got, e.answer)
			}
		})
	}
	for _, rt := range routes {
		if !asked[rt] {
			t.Errorf("%s has no example", rt.pattern)
		}
	}
}

func TestTheDocumentHasEveryCodeAndEvent(t *testing.T) {
	_, text := examples(t)
	for _, code := range []string{
		CodeInvalidRequest, CodeUnauthenticated, CodeDenied, CodeUnknownService, CodeNotFound, CodeMethodNotAllowed, CodeTooLarge,
		CodeOverloaded, CodeInternal, CodeRejected, CodeInvalidResponse, CodeUnavailable, CodeStopped, CodeTimeout,
	} {
		if line := fmt.Sprintf("| `%s` | %d |", code, statusOf(code)); !strings.Contains(text, line) {
			t.Errorf("no line %s", line)
		}
	}
	for _, e := range everyEvent {
		if !strings.Contains(text, "| `"+e.event.Name()+"` |") {
			t.Errorf("no line for %s", e.event.Name())
		}
	}
	if !strings.Contains(text, "The node keeps the last 4,096") || !strings.Contains(text, "1,024 streams") || maxStreams != 1024 {
		t.Error("other bounds are documented")
	}
}
