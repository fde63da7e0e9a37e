package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/messages"
	"tokend/system"
)

// tries are one of each kind.
func tries() []verdict {
	attempts := []*system.Attempt{
		{
			Service: "billing", Provider: config.KindClientCredentials, ClientAuth: config.AuthPost,
			URL: "https://idp.example/token", Status: 200, Took: 123456789,
			Token: messages.TokenInfo{
				TokenType: "Bearer", Scopes: []string{"read", "write"}, Fingerprint: "0123456789ab", CreatedAt: noon, ExpiresAt: noon.Add(time.Hour),
				RefreshAt: noon.Add(45 * time.Minute), WarnAt: noon.Add(55 * time.Minute), RefreshThreshold: 15 * time.Minute,
			},
		},
		{Service: "erp", Provider: config.KindStatic, Token: messages.TokenInfo{TokenType: "Bearer", CreatedAt: noon, Fingerprint: "ba9876543210"}},
		{
			Service: "hr", Provider: config.KindLogin, URL: "https://hr.example/login", Status: 429, Took: time.Second,
			Failure: &provider.Error{
				Class: messages.ClassThrottled, Text: "429 slow_down: not\x1b[2J so <fast>", Code: "slow_down",
				Description: "not\x1b[2J so <fast>", Status: 429, RetryAfter: 90 * time.Second,
			},
		},
		{
			Service: "late", Provider: config.KindPassword, ClientAuth: config.AuthBasic, URL: "https://late.example/token",
			Failure: &provider.Error{Class: messages.ClassTransient, Reason: provider.ReasonTimeout, Text: "timeout", TimedOut: true},
		},
		{Service: "mail", Provider: config.KindRefreshToken},
	}
	all := make([]verdict, len(attempts))
	for i, a := range attempts {
		all[i].Attempt = a
	}
	all[len(all)-1].skipped = "a try may use it up"
	return all
}

func TestTriesAsATable(t *testing.T) {
	var out bytes.Buffer
	c := &checkCommand{program: program{stdout: &out, getenv: func(string) string { return "" }}, output: "text"}
	if err := c.tell(tries(), nil); err != nil {
		t.Fatal(err)
	}
	want := `
SERVICE  RESULT     PROVIDER            AUTH   URL                         STATUS  TOOK   LIFE    REFRESH AFTER  WARNING AFTER  LEAD   SCOPES
billing  acquired   client_credentials  post   https://idp.example/token   200     123ms  1h0m0s  45m0s          55m0s          15m0s  read write
erp      acquired   static              -      -                           -       0s     no end  -              -              -      -
hr       throttled  login               -      https://hr.example/login    429     1s     -       -              -              -      -
late     transient  password            basic  https://late.example/token  -       0s     -       -              -              -      -
mail     skipped    refresh_token       -      -                           -       -      -       -              -              -      -

SERVICE  WHAT TO DO
hr       the server has trouble of its own: try again later
late     the server is slow: try again, or raise timeout
mail     a try may use it up: to try it all the same, use --service mail --use-up
`
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestTriesAsJSON(t *testing.T) {
	var out bytes.Buffer
	c := &checkCommand{program: program{stdout: &out}, output: "json"}
	if err := c.tell(tries(), nil); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`{"services":[{"service":"billing","result":"acquired","provider":"client_credentials","client_auth":"post",` +
			`"url":"https://idp.example/token","status":200,"took":"123ms","token_type":"Bearer","scopes":["read","write"],"fingerprint":"0123456789ab",` +
			`"created_at":"2026-03-01T12:00:00Z","expires_at":"2026-03-01T13:00:00Z","refresh_at":"2026-03-01T12:45:00Z","warn_at":"2026-03-01T12:55:00Z","refresh_threshold":"15m0s"}`,
		`{"service":"erp","result":"acquired","provider":"static","took":"0s","token_type":"Bearer","fingerprint":"ba9876543210","created_at":"2026-03-01T12:00:00Z"}`,
		`{"service":"hr","result":"throttled","provider":"login","url":"https://hr.example/login","status":429,"took":"1s",` +
			`"error":{"class":"throttled","text":"429 slow_down: not\u001b[2J so <fast>","oauth_error":"slow_down","description":"not\u001b[2J so <fast>","retry_after":"1m30s"},` +
			`"advice":"the server has trouble of its own: try again later"}`,
		`{"service":"late","result":"transient","provider":"password","client_auth":"basic","url":"https://late.example/token","took":"0s",` +
			`"error":{"class":"transient","reason":"timeout","text":"timeout","timed_out":true},"advice":"the server is slow: try again, or raise timeout"}`,
		`{"service":"mail","result":"skipped","provider":"refresh_token","skipped":"a try may use it up",` +
			`"advice":"a try may use it up: to try it all the same, use --service mail --use-up"}]}` + "\n",
	}
	if diff := cmp.Diff(strings.Join(want, ","), out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestTriesThatNobodyMade(t *testing.T) {
	for output, want := range map[string]string{"text": "", "json": "{\"services\":[]}\n"} {
		var out bytes.Buffer
		c := &checkCommand{program: program{stdout: &out}, output: output}
		if err := c.tell(nil, nil); err != nil || out.String() != want {
			t.Errorf("%s: %q, %v", output, out.String(), err)
		}
	}
}

// What programs read is written down, and nothing else is.
func TestTheFieldsOfATryAreDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "check.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if cell, _, ok := strings.Cut(strings.TrimPrefix(line, "| `"), "|"); ok && strings.HasPrefix(line, "| `") {
			for name := range strings.SplitSeq(cell, ",") {
				documented[strings.Trim(name, " `")] = true
			}
		}
	}
	check := func(prefix string, of reflect.Type) {
		for field := range of.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if !documented[prefix+name] {
				t.Errorf("%s%s is not documented", prefix, name)
			}
			delete(documented, prefix+name)
		}
	}
	check("", reflect.TypeFor[attempt]())
	check("error.", reflect.TypeFor[problem]())
	if len(documented) > 0 {
		t.Errorf("documented, but not there: %v", documented)
	}
}

// closed is a standard output that nobody reads any more.
type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, context.Canceled }

func TestAnOutputThatNobodyReadsIsAnError(t *testing.T) {
	for _, output := range []string{"text", "json"} {
		c := &checkCommand{program: program{stdout: closed{}, getenv: func(string) string { return "" }}, output: output}
		if err := c.tell(tries(), nil); err == nil {
			t.Errorf("%s: no error", output)
		}
	}
}
