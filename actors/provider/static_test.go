package provider

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tokend/messages"
)

func TestStatic(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	later := now.Add(time.Hour)
	jwt := signed(`{"exp":1772368200}`) // half an hour later
	cases := map[string]struct {
		s    Static
		want Result
	}{
		"no expiry unless given":          {Static{Token: secret("at")}, Result{Type: "Bearer", NoExpiry: true}},
		"a type and scopes":               {Static{Token: secret("at"), Type: "dpop", Scopes: []string{"a"}}, Result{Type: "DPoP", Scopes: []string{"a"}, NoExpiry: true}},
		"a type of its own":               {Static{Token: secret("at"), Type: "Token"}, Result{Type: "Token", NoExpiry: true}},
		"an expiry":                       {Static{Token: secret("at"), ExpiresAt: later}, Result{Type: "Bearer", ExpiresAt: later}},
		"a JWT says itself":               {Static{Token: secret(jwt)}, Result{Type: "Bearer", ExpiresAt: now.Add(30 * time.Minute)}},
		"a JWT that dies first":           {Static{Token: secret(jwt), ExpiresAt: later}, Result{Type: "Bearer", ExpiresAt: now.Add(30 * time.Minute)}},
		"a JWT that outlives what is set": {Static{Token: secret(jwt), ExpiresAt: now.Add(time.Minute)}, Result{Type: "Bearer", ExpiresAt: now.Add(time.Minute)}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.s.Now = func() time.Time { return now }
			p, err := NewStatic(c.s)
			if err != nil {
				t.Fatal(err)
			}
			got := acquire(t, p)
			c.want.AccessToken, _ = c.s.Token()
			c.want.NoExpiry, c.want.AnyLength = true, true
			if diff := cmp.Diff(c.want, got, cmp.Transformer("reveal", messages.Secret.Reveal), cmp.AllowUnexported(State{}), cmpopts.IgnoreUnexported(Result{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAStaticTokenThatHasExpired(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	p, err := NewStatic(Static{Token: secret("at"), ExpiresAt: now, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	wantFailure(t, failure(t, p), messages.ClassRejected, "the configured token expired at 2026-03-01T12:00:00Z: replace it")
}

func TestStaticTokensThatCannotWork(t *testing.T) {
	if _, err := NewStatic(Static{}); err == nil || err.Error() != "token: missing" {
		t.Errorf("got %v", err)
	}
	if _, err := NewStatic(Static{Token: secret("at"), Type: "two words"}); err == nil || err.Error() != "token_type: is not one word" {
		t.Errorf("got %v", err)
	}
	p, err := NewStatic(Static{Token: func() (messages.Secret, error) { return messages.Secret{}, errors.New("file is gone") }})
	if err != nil {
		t.Fatal(err)
	}
	wantFailure(t, failure(t, p), messages.ClassTransient, "token: file is gone")
	p, err = NewStatic(Static{Token: secret("")})
	if err != nil {
		t.Fatal(err)
	}
	wantFailure(t, failure(t, p), messages.ClassMalformed, "no access token")
}
