package messages

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
)

const canary = "canary-5f2c9a"

// carriers are the ways in which a secret gets into something that is printed.
func carriers() map[string]any {
	secret := NewSecret(canary)
	tok := Token{Service: "billing", Type: "Bearer", Generation: 3}.WithValue(secret)
	type hidden struct {
		secret Secret
		token  Token
	}
	return map[string]any{
		"secret":                  secret,
		"pointer to secret":       &secret,
		"secret in a slice":       []Secret{secret},
		"secret in a map":         map[string]Secret{"a": secret},
		"token":                   tok,
		"pointer to token":        &tok,
		"unexported fields":       hidden{secret, tok},
		"pointer to unexported":   &hidden{secret, tok},
		"reply":                   &TokenReply{Token: tok},
		"batch reply":             &TokensReply{Tokens: map[string]Token{"billing": tok}},
		"error around a reply":    fmt.Errorf("got %v", &TokenReply{Token: tok}),
		"function-local any":      any(hidden{secret, tok}),
		"array of unexported":     [1]hidden{{secret, tok}},
		"map of unexported":       map[string]hidden{"a": {secret, tok}},
		"slice of pointers to it": []*hidden{{secret, tok}},
	}
}

func TestNothingPrintsASecret(t *testing.T) {
	for name, carrier := range carriers() {
		t.Run(name, func(t *testing.T) {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
				check(t, verb, fmt.Sprintf(verb, carrier))
			}
			raw, err := json.Marshal(carrier)
			if err != nil {
				t.Logf("json: %v", err)
			}
			check(t, "json", string(raw))
			for _, line := range logLines(carrier) {
				check(t, "log", line)
			}
		})
	}
}

func check(t *testing.T, how, text string) {
	t.Helper()
	if strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) ||
		strings.Contains(text, fmt.Sprintf("%X", canary)) {
		t.Errorf("%s shows the secret: %s", how, text)
	}
}

func logLines(v any) []string {
	var lines []string
	for _, f := range []logrus.Formatter{&logrus.TextFormatter{}, &logrus.JSONFormatter{}} {
		var out bytes.Buffer
		log := logrus.New()
		log.SetOutput(&out)
		log.SetFormatter(f)
		log.WithField("v", v).Info(v)
		lines = append(lines, out.String())
	}
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
	return append(lines, out.String())
}

func TestSecretRevealsItsTextOnlyOnDemand(t *testing.T) {
	if got := NewSecret(canary).Reveal(); got != canary {
		t.Errorf("Reveal() = %q, want %q", got, canary)
	}
	var zero Secret
	if zero.Reveal() != "" || !zero.IsZero() || !NewSecret("").IsZero() || NewSecret("x").IsZero() {
		t.Error("the zero Secret holds the empty text, and only an empty text is zero")
	}
	if zero.String() != Redacted || zero.LogValue().String() != Redacted {
		t.Error("even an empty Secret prints as redacted")
	}
}

func TestFingerprintIsTheHeadOfTheHash(t *testing.T) {
	// printf hello | sha256sum
	if got := Fingerprint("hello"); got != "2cf24dba5fb0" {
		t.Errorf("Fingerprint(hello) = %s", got)
	}
}

func TestTokenGivesValueAndHeader(t *testing.T) {
	tok := Token{Service: "billing", Type: "Bearer", State: StateFresh, Generation: 2, Fingerprint: "abc"}.WithValue(NewSecret("v"))
	if tok.Value() != "v" || tok.Header() != "Bearer v" {
		t.Errorf("Value() = %q, Header() = %q", tok.Value(), tok.Header())
	}
	want := "token of billing, generation 2, fingerprint abc, fresh"
	if got := tok.LogValue().String(); got != want || fmt.Sprint(tok) != want {
		t.Errorf("prints as %q, want %q", got, want)
	}
}

func TestLivingStates(t *testing.T) {
	want := map[string]bool{StateEmpty: false, StateFresh: true, StateDue: true, StateDegraded: true, StateExpired: false}
	for state, living := range want {
		if Living(state) != living {
			t.Errorf("Living(%s) = %v", state, !living)
		}
	}
}

func TestErrorMatchesKindAndCause(t *testing.T) {
	next := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	err := fmt.Errorf("fetch: %w", FailureError("billing", Failure{
		Class: ClassRejected, Text: "401 invalid_client", Attempts: 3, NextTry: next,
	}))
	if !errors.Is(err, ErrRejected) || errors.Is(err, ErrUnavailable) {
		t.Error("a rejected failure matches ErrRejected and nothing else")
	}
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Service != "billing" || e.Class != ClassRejected || e.Attempts != 3 || !e.NextTry.Equal(next) {
		t.Errorf("As gave %+v", e)
	}
	want := "fetch: billing: rejected: 401 invalid_client (rejected, attempt 3, next try 2026-01-02T03:04:05Z)"
	if err.Error() != want {
		t.Errorf("text %q, want %q", err, want)
	}
	timeout := &Error{Kind: ErrTimeout, Service: "billing", Cause: context.DeadlineExceeded}
	if !errors.Is(timeout, ErrTimeout) || !errors.Is(timeout, context.DeadlineExceeded) {
		t.Error("a timeout matches ErrTimeout and what ended the caller's context")
	}
	if got := (&Error{Kind: ErrStopped}).Error(); got != "stopped" {
		t.Errorf("bare error says %q", got)
	}
}

func TestEveryClassHasItsError(t *testing.T) {
	want := map[string]error{
		ClassRejected: ErrRejected, ClassMalformed: ErrInvalidResponse, ClassThrottled: ErrUnavailable,
		ClassAmbiguous: ErrUnavailable, ClassPanic: ErrUnavailable, ClassTransient: ErrUnavailable,
	}
	for class, kind := range want {
		if got := ErrorOf(class); !errors.Is(got, kind) {
			t.Errorf("ErrorOf(%s) = %v, want %v", class, got, kind)
		}
	}
}

func TestEveryCommandHasItsErrorReply(t *testing.T) {
	tests := map[string]struct {
		command Command
		err     func(Reply) error
	}{
		"GetToken":        {&GetToken{Service: "a"}, func(r Reply) error { return r.(*TokenReply).Err }},
		"GetTokens":       {&GetTokens{Services: []string{"a"}}, func(r Reply) error { return r.(*TokensReply).Errs["a"] }},
		"GetTokenInfo":    {&GetTokenInfo{Service: "a"}, func(r Reply) error { return r.(*TokenInfoReply).Err }},
		"RefreshToken":    {&RefreshToken{Service: "a"}, func(r Reply) error { return r.(*TokenInfoReply).Err }},
		"InvalidateToken": {&InvalidateToken{Service: "a"}, func(r Reply) error { return r.(*InvalidateReply).Err }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if err := tt.err(ReplyError(tt.command, ErrStopped)); !errors.Is(err, ErrStopped) {
				t.Errorf("err = %v", err)
			}
			if c, ok := tt.command.(ServiceCommand); ok && c.ServiceName() != "a" {
				t.Errorf("ServiceName() = %q", c.ServiceName())
			}
		})
	}
	if r := ReplyError(&ListServices{}, ErrStopped).(*ServicesReply); len(r.Services) != 0 {
		t.Errorf("ListServices: %v", r.Services)
	}
}

func TestEventsHaveTheirNames(t *testing.T) {
	o := Occurrence{Service: "billing", State: StateFresh}
	events := map[string]Event{
		"token_acquired":    &TokenAcquired{Occurrence: o},
		"token_refreshed":   &TokenRefreshed{Occurrence: o},
		"token_expiring":    &TokenExpiring{Occurrence: o},
		"token_expired":     &TokenExpired{Occurrence: o},
		"refresh_failed":    &RefreshFailed{Occurrence: o},
		"login_lost":        &LoginLost{Occurrence: o},
		"token_invalidated": &TokenInvalidated{Occurrence: o},
		"actor_restarted":   &ActorRestarted{Occurrence: o},
		"sink_stale":        &SinkStale{Occurrence: o},
		"service_removed":   &ServiceRemoved{Occurrence: o},
	}
	for name, e := range events {
		if e.Name() != name || e.About() != o {
			t.Errorf("%T: Name() = %s, About() = %v", e, e.Name(), e.About())
		}
	}
}
