package httpapi

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tokend/messages"
)

func TestRefreshAndInvalidate(t *testing.T) {
	const refresh, invalidate = "/v1/services/billing/refresh", "/v1/services/billing/invalidate"
	tests := map[string]struct {
		target, body, command, want string
		current                     bool
	}{
		"a refresh":                     {target: refresh, command: "refresh billing", want: `{"service":"billing","provider":"login",`},
		"a refresh with an empty body":  {target: refresh, body: "{}", command: "refresh billing", want: `{"service":"billing",`},
		"a fingerprint":                 {target: invalidate, body: `{"fingerprint":"0123456789ab"}`, command: "invalidate billing 0123456789ab", current: true, want: `{"invalidated":true}`},
		"another's fingerprint":         {target: invalidate, body: `{"fingerprint":"0123456789ab"}`, command: "invalidate billing 0123456789ab", want: `{"invalidated":false}`},
		"whatever is current":           {target: invalidate, body: ` {} `, command: "invalidate billing ", current: true, want: `{"invalidated":true}`},
		"whatever is current, no body":  {target: invalidate, command: "invalidate billing ", current: true, want: `{"invalidated":true}`},
		"whatever is current, as empty": {target: invalidate, body: `{"fingerprint":""}`, command: "invalidate billing ", current: true, want: `{"invalidated":true}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newFake()
				k.current = tt.current
				rec := call(t, newDoor(k), "POST", tt.target, tt.body)
				if rec.Code != http.StatusOK || !strings.HasPrefix(rec.Body.String(), tt.want) {
					t.Errorf("got %d %s, want it to begin with %s", rec.Code, rec.Body, tt.want)
				}
				if !slices.Equal(k.commands, []string{tt.command}) || k.deadline != MaxWait {
					t.Errorf("commands %q, which may wait %s", k.commands, k.deadline)
				}
			})
		})
	}
}

func TestCommandsThatAreRefusedDoNothing(t *testing.T) {
	const refresh, invalidate = "/v1/services/billing/refresh", "/v1/services/billing/invalidate"
	tests := map[string]struct{ method, target, body, code string }{
		"reading a refresh":            {"GET", refresh, "", CodeMethodNotAllowed},
		"reading an invalidation":      {"HEAD", invalidate, "", CodeMethodNotAllowed},
		"a parameter":                  {"POST", refresh + "?now", "", CodeInvalidRequest},
		"a parameter of the other":     {"POST", invalidate + "?fingerprint=x", "", CodeInvalidRequest},
		"a field":                      {"POST", refresh, `{"force":true}`, CodeInvalidRequest},
		"an unknown field":             {"POST", invalidate, `{"Fingerprint":"0123456789ab"}`, CodeInvalidRequest},
		"a field twice":                {"POST", invalidate, `{"fingerprint":"a","fingerprint":"b"}`, CodeInvalidRequest},
		"null":                         {"POST", invalidate, `{"fingerprint":null}`, CodeInvalidRequest},
		"a number":                     {"POST", invalidate, `{"fingerprint":7}`, CodeInvalidRequest},
		"a text":                       {"POST", invalidate, `"0123456789ab"`, CodeInvalidRequest},
		"spaces":                       {"POST", invalidate, ` `, CodeInvalidRequest},
		"two objects":                  {"POST", refresh, `{}{}`, CodeInvalidRequest},
		"half an object":               {"POST", refresh, `{`, CodeInvalidRequest},
		"too large":                    {"POST", invalidate, `{"fingerprint":"` + strings.Repeat("a", maxBody) + `"}`, CodeTooLarge},
		"a name that is none":          {"POST", "/v1/services/Billing/refresh", "", CodeUnknownService},
		"another name that is none":    {"POST", "/v1/services/Billing/invalidate", "", CodeUnknownService},
		"no name":                      {"POST", "/v1/services//refresh", "", CodeNotFound},
		"something else":               {"POST", "/v1/services/billing/restart", "", CodeNotFound},
		"something more":               {"POST", refresh + "/now", "", CodeNotFound},
		"a slash more":                 {"POST", refresh + "/", "", CodeNotFound},
		"an escaped verb":              {"POST", "/v1/services/billing/%72efresh", "", CodeNotFound},
		"a name that climbs":           {"POST", "/v1/services/../refresh", "", CodeNotFound},
		"a token that is to be posted": {"POST", "/v1/token/billing/refresh", "", CodeNotFound},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			k := newFake()
			rec := call(t, newDoor(k), tt.method, tt.target, tt.body)
			if tt.method != "HEAD" {
				wantProblem(t, rec, tt.code)
			}
			if len(k.commands) > 0 || rec.Code != statusOf(tt.code) {
				t.Errorf("status %d, commands %q", rec.Code, k.commands)
			}
		})
	}
}

func TestCommandsThatFail(t *testing.T) {
	for _, verb := range []string{"refresh", "invalidate"} {
		k := newFake()
		k.fails["billing"] = messages.FailureError("billing", messages.Failure{Class: messages.ClassRejected, Text: "no", Attempts: 2, NextTry: noon.Add(time.Minute)})
		p := wantProblem(t, call(t, newDoor(k), "POST", "/v1/services/billing/"+verb, ""), CodeRejected)
		if p.Attempts != 2 || p.Class != messages.ClassRejected {
			t.Errorf("%s: %+v", verb, p)
		}
		wantProblem(t, call(t, newDoor(newFake()), "POST", "/v1/services/nope/"+verb, ""), CodeUnknownService)
	}
}
