package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"tokend/messages"
	"tokend/system/httpapi"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestTable(t *testing.T) {
	rows := [][]string{{"SERVICE", "STATE"}, {"billing-of-many", "fresh"}, {"erp", "expired"}, {"evil\x1b[2J", "due"}}
	tests := map[string]struct {
		paint paint
		want  string
	}{
		"plain": {
			paint{},
			"SERVICE          STATE\nbilling-of-many  fresh\nerp              expired\nevil?[2J         due\n",
		},
		"colours do not count as width": {
			paint{colour: true},
			"SERVICE          STATE\nbilling-of-many  \x1b[32mfresh\x1b[0m\nerp              \x1b[31mexpired\x1b[0m\nevil?[2J         \x1b[36mdue\x1b[0m\n",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := tt.paint.table(&out, rows, inColumn(1)); err != nil {
				t.Fatal(err)
			}
			var got []string
			for line := range strings.Lines(out.String()) {
				got = append(got, strings.TrimRight(line, " \n"))
			}
			if text := strings.Join(got, "\n") + "\n"; text != tt.want {
				t.Errorf("got\n%q\nwant\n%q", text, tt.want)
			}
		})
	}
}

// TestOnlyWhatTellsAStateIsColoured has a service and scopes that are called like states.
func TestOnlyWhatTellsAStateIsColoured(t *testing.T) {
	info := httpapi.TokenInfo{Service: "fresh", Provider: "static", State: messages.StateDue, Scopes: []string{"expired"}, Fingerprint: "0123456789ab"}
	var out bytes.Buffer
	p := paint{colour: true}
	if err := errors.Join(p.table(&out, p.listRows([]httpapi.TokenInfo{info}, noon), inColumn(1)), p.table(&out, p.infoRows(info, noon), tellsState)); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); strings.Count(text, "\x1b[") != 4 || strings.Count(text, "\x1b[36mdue\x1b[0m") != 2 {
		t.Errorf("%q", text)
	}
}

func TestOnlyATerminalIsColoured(t *testing.T) {
	p := program{getenv: func(string) string { return "" }}
	if p.paintFor(&bytes.Buffer{}).colour {
		t.Error("a buffer is no terminal")
	}
}

func TestFrom(t *testing.T) {
	tests := map[string]struct {
		at   time.Time
		want string
	}{
		"no time":     {time.Time{}, ""},
		"later":       {noon.Add(90*time.Second + 400*time.Millisecond), "in 1m30s"},
		"at once":     {noon.Add(499 * time.Millisecond), "now"},
		"just now":    {noon.Add(-499 * time.Millisecond), "just now"},
		"some before": {noon.Add(-90 * time.Second), "1m30s ago"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := from(tt.at, noon); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestEventLines(t *testing.T) {
	about := messages.Occurrence{Service: "erp", At: noon, State: "degraded", Fingerprint: "0123456789ab", ExpiresAt: noon.Add(20 * time.Second)}
	failure := messages.Failure{Class: "transient", Text: "connection refused\x1b", NextTry: noon.Add(1234 * time.Millisecond)}
	tests := map[string]struct {
		event messages.Event
		want  string
	}{
		"refreshed": {&messages.TokenRefreshed{Occurrence: about, Took: 12345 * time.Microsecond}, "token_refreshed    degraded  0123456789ab  in 20s    took 12ms"},
		"acquired":  {&messages.TokenAcquired{Occurrence: about, Took: 2 * time.Second}, "token_acquired     degraded  0123456789ab  in 20s    took 2s"},
		"failed":    {&messages.RefreshFailed{Occurrence: about, Failure: failure}, "refresh_failed     degraded  0123456789ab  in 20s    transient: connection refused?, next try in 1.2s"},
		"lost":      {&messages.LoginLost{Occurrence: about, Failure: messages.Failure{Class: "rejected", Text: "log in anew"}}, "login_lost         degraded  0123456789ab  in 20s    rejected: log in anew"},
		"warned":    {&messages.TokenExpiring{Occurrence: about}, "token_expiring     degraded  0123456789ab  in 20s    "},
		"expired":   {&messages.TokenExpired{Occurrence: about, LastError: &failure}, "token_expired      degraded  0123456789ab  in 20s    transient: connection refused?, next try in 1.2s"},
		"restarted": {&messages.ActorRestarted{Occurrence: about, Reason: "string"}, "actor_restarted    degraded  0123456789ab  in 20s    string"},
		"removed":   {&messages.ServiceRemoved{Occurrence: about}, "service_removed    degraded  0123456789ab  in 20s    "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			want := noon.Local().Format(clockLayout) + "  erp      " + tt.want
			if got := (paint{}).eventLine(tt.event, len("billing")); got != want {
				t.Errorf("got\n%q\nwant\n%q", got, want)
			}
		})
	}
}

func TestListRow(t *testing.T) {
	tests := map[string]struct {
		info httpapi.TokenInfo
		want string
	}{
		"no token yet":     {httpapi.TokenInfo{Service: "a", State: "empty"}, "a|empty|||"},
		"a living token":   {httpapi.TokenInfo{Service: "a", State: "fresh", Generation: 1, ExpiresAt: noon.Add(time.Hour), RefreshAt: noon.Add(time.Minute)}, "a|fresh|in 1h0m0s|in 1m0s|"},
		"without expiry":   {httpapi.TokenInfo{Service: "a", State: "fresh", Generation: 1}, "a|fresh|never||"},
		"with a failure":   {httpapi.TokenInfo{Service: "a", State: "empty", LastError: &httpapi.Failure{Class: "rejected", Text: "no"}}, "a|empty|||rejected: no"},
		"dead for a while": {httpapi.TokenInfo{Service: "a", State: "expired", Generation: 3, ExpiresAt: noon.Add(-time.Minute)}, "a|expired|1m0s ago||"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(listRow(tt.info, noon), "|"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
