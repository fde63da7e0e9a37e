package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tokend/messages"
	"tokend/system/httpapi"
)

// zoo has a service in every state.
func zoo() []httpapi.TokenInfo {
	life := func(info httpapi.TokenInfo, age time.Duration) httpapi.TokenInfo {
		info.CreatedAt, info.Generation, info.Fingerprint = noon.Add(-age), 3, "0123456789ab"
		info.RefreshAt, info.WarnAt, info.ExpiresAt = info.CreatedAt.Add(45*time.Minute), info.CreatedAt.Add(55*time.Minute), info.CreatedAt.Add(time.Hour)
		return info
	}
	failure := &httpapi.Failure{Class: messages.ClassTransient, Text: "connection refused", At: noon.Add(-time.Second), Attempts: 2, NextTry: noon.Add(3 * time.Second)}
	return []httpapi.TokenInfo{
		{Service: "crm", Provider: "login", State: messages.StateEmpty},
		life(httpapi.TokenInfo{Service: "billing", Provider: "client_credentials", State: messages.StateFresh, TokenType: "Bearer", Scopes: []string{"read"}, Required: true, Eager: true, RefreshThreshold: "15m0s"}, 10*time.Minute),
		life(httpapi.TokenInfo{Service: "reports", Provider: "password", State: messages.StateDue}, 50*time.Minute),
		life(httpapi.TokenInfo{Service: "erp", Provider: "login", State: messages.StateDegraded, LastError: failure}, 57*time.Minute),
		life(httpapi.TokenInfo{Service: "mail", Provider: "login", State: messages.StateExpired, LastError: failure}, 61*time.Minute),
		{Service: "pager", Provider: "static", State: messages.StateFresh, Generation: 1, CreatedAt: noon.Add(-time.Hour)},
	}
}

// golden compares what was printed with a file, and writes it with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestListAndInfoAsTheyAreSeen(t *testing.T) {
	for name, paint := range map[string]paint{
		"piped":    {},
		"colour":   {colour: true, terminal: true},
		"no_color": {terminal: true},
	} {
		t.Run(name, func(t *testing.T) {
			var list, info bytes.Buffer
			if err := paint.table(&list, paint.listRows(zoo(), noon), inColumn(1)); err != nil {
				t.Fatal(err)
			}
			golden(t, "list_"+name+".txt", list.Bytes())
			for _, one := range zoo() {
				if err := paint.table(&info, paint.infoRows(one, noon), tellsState); err != nil {
					t.Fatal(err)
				}
				info.WriteString("\n")
			}
			golden(t, "info_"+name+".txt", info.Bytes())
		})
	}
}

func TestEventsAsTheyAreSeen(t *testing.T) {
	t.Setenv("TZ", "UTC")
	about := httpapi.Event{Event: "token_refreshed", At: noon, Service: "erp", State: messages.StateFresh, Fingerprint: "0123456789ab", ExpiresAt: noon.Add(time.Hour)}
	failed := about
	failed.Event, failed.State, failed.Class, failed.Text, failed.NextTry = "refresh_failed", messages.StateDegraded, messages.ClassTransient, "refused", noon.Add(2*time.Second)
	restarted := about
	restarted.Event, restarted.Text = "actor_restarted", "panic of type string"
	for want, e := range map[string]httpapi.Event{
		"erp       token_refreshed    fresh     0123456789ab  in 1h0m0s  ":                                   about,
		"erp       refresh_failed     degraded  0123456789ab  in 1h0m0s  transient: refused, next try in 2s": failed,
		"erp       actor_restarted    fresh     0123456789ab  in 1h0m0s  panic of type string":               restarted,
	} {
		at := noon.Local().Format(clockLayout) + "  "
		if got := (paint{}).line(e, describeWire(e), 8); got != at+want {
			t.Errorf("got\n%q\nwant\n%q", got, at+want)
		}
	}
	if got := (paint{}).line(httpapi.Gap(), describeWire(httpapi.Gap()), 3); got != "               gap                                                  events were missed" {
		t.Errorf("a gap is %q", got)
	}
}

func TestBars(t *testing.T) {
	info := zoo()[1]
	tests := map[string]struct {
		edit func(*httpapi.TokenInfo)
		now  time.Time
		want string
	}{
		"at its birth":       {nil, info.CreatedAt, "━━━━━━━━━R━W"},
		"before its birth":   {nil, info.CreatedAt.Add(-time.Hour), "━━━━━━━━━R━W"},
		"in its middle":      {nil, info.CreatedAt.Add(30 * time.Minute), "······━━━R━W"},
		"at its death":       {nil, info.ExpiresAt, "·········R·W"},
		"after its death":    {nil, info.ExpiresAt.Add(time.Hour), "·········R·W"},
		"points at one":      {func(i *httpapi.TokenInfo) { i.WarnAt = i.RefreshAt }, info.CreatedAt, "━━━━━━━━━W━━"},
		"a point at its end": {func(i *httpapi.TokenInfo) { i.WarnAt = i.ExpiresAt }, info.CreatedAt, "━━━━━━━━━R━W"},
		"without points":     {func(i *httpapi.TokenInfo) { i.WarnAt, i.RefreshAt = time.Time{}, time.Time{} }, info.CreatedAt, "━━━━━━━━━━━━"},
		"without an end":     {func(i *httpapi.TokenInfo) { i.ExpiresAt = time.Time{} }, noon, ""},
		"without a life":     {func(i *httpapi.TokenInfo) { i.ExpiresAt = i.CreatedAt }, noon, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			one := info
			if tt.edit != nil {
				tt.edit(&one)
			}
			if got := bar(one, tt.now, 12); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if inWords("unheard of") != "" {
		t.Error("a state that nobody knows has words")
	}
}
