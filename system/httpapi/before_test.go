package httpapi

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tokend/system/access"
)

// status asks for target by a method, and returns the status of the answer.
func (l *line) status(method, target string, headers ...string) int {
	l.t.Helper()
	text := strings.Join(append([]string{method + " " + target + " HTTP/1.1", "Host: localhost"}, headers...), "\r\n") + "\r\n\r\n"
	if _, err := io.WriteString(l, text); err != nil {
		l.t.Fatal(err)
	}
	resp, err := http.ReadResponse(l.answers, &http.Request{Method: method})
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		l.t.Fatal(err)
	}
	return resp.StatusCode
}

// TestTheDescriptionHasWhatStandsBeforeTheRoutes makes every request as somebody who is
// refused before anybody looks at what it wants.
func TestTheDescriptionHasWhatStandsBeforeTheRoutes(t *testing.T) {
	_, hash := access.NewKey()
	keyed := access.Client{Name: "b", KeyHash: hash, Grants: granting("admin", "*")}
	spent := func() *line {
		shared := policyOf(t, 1, access.Client{Name: "a", Listener: "port", Grants: granting("admin", "*")})
		_, l := serveDoor(t, newFake(), aPort, Options{Access: shared, Now: (&clock{now: noon}).read}, DoorOptions{})
		c := dialTest(t, l)
		c.status("GET", "/v1/services")
		return c
	}
	with := func(clients ...access.Client) *line {
		_, l := serveDoor(t, newFake(), aPort, Options{Access: policyOf(t, 0, clients...)}, DoorOptions{})
		return dialTest(t, l)
	}
	callers := map[string]struct {
		line    *line
		headers []string
		refused []int // one of them, but by routes that are open to everybody
		open    bool  // even those refuse it
	}{
		"a page":                   {line: with(keyed), headers: []string{"Origin: http://evil.example"}, refused: []int{403}, open: true},
		"nobody, where keys count": {line: with(keyed), refused: []int{401, 403}},
		"nobody":                   {line: with(watcher("elsewhere", "admin", "*")), refused: []int{403}},
		"without the grant":        {line: with(watcher("port", "get", "other")), refused: []int{400, 403}}, // a batch is read first
		"too often":                {line: spent(), refused: []int{429, 503}},
	}
	for path, item := range describe(t).Paths {
		target := strings.ReplaceAll(path, "{service}", "billing")
		rt, _ := find(&url.URL{Path: target})
		for method, op := range item.Methods {
			for name, c := range callers {
				got := c.line.status(strings.ToUpper(method), target, c.headers...)
				if refused := slices.Contains(c.refused, got); refused != (c.open || !rt.open) {
					t.Errorf("%s %s: %s: status %d", method, path, name, got)
				}
				if _, described := op.Responses[strconv.Itoa(got)]; !described {
					t.Errorf("%s %s: %s: status %d is not described", method, path, name, got)
				}
			}
		}
	}
}
