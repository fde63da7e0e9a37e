package provider

import (
	"net/http"
	"testing"
	"time"

	"tokend/messages"
)

func TestCodesThatSayThatARefreshTokenIsDead(t *testing.T) {
	for code, want := range map[string]bool{
		"invalid_grant":                  true,
		"interaction_required":           true,
		"login_required":                 true,
		"consent_required":               true,
		"token_expired":                  true,
		"token_revoked":                  true,
		"expired_token":                  true,
		"invalid_token":                  true,
		"TOKEN_EXPIRED":                  true,
		"token-not-found":                true,
		"token_inactive":                 true,
		"token_reused":                   true,
		"grant_expired":                  true,
		"grant_not_found":                true,
		"session_expired":                true,
		"refresh_token_expired":          true,
		"refresh_token_revoked":          true,
		"refresh_token_client_mismatch":  true,
		"invalid_refresh_token":          true,
		"InvalidRefreshToken":            true,
		"RefreshTokenNotFound":           true,
		"err.refresh-token.reuse":        true,
		"expired_token_for_refresh":      true,
		"RefreshTokenMissing":            false,
		"refresh_token_required":         false,
		"missing_refresh_token":          false,
		"refresh_token_limit_exceeded":   false,
		"too_many_refresh_tokens":        false,
		"TooManyRefreshTokens":           false,
		"unsupported_refresh_token":      false,
		"unsupported_grant_type":         false,
		"invalid_grant_type":             false,
		"invalid_client":                 false,
		"client_token_expired":           false,
		"invalid_request":                false,
		"invalid_scope":                  false,
		"invalid_csrf_token":             false,
		"access_token_expired":           false,
		"unauthorized_client":            false,
		"invalid_target":                 false,
		"token_endpoint_auth_invalid":    false,
		"refresh":                        false,
		"token":                          false,
		"1002":                           false,
		"":                               false,
		"mfa_required":                   false,
		"token_required":                 false,
		"invalid_authorization_details":  false,
		"requested_token_type_is_wrong":  false,
		"refresh_limit_per_token_and_id": false,
	} {
		if got := saysDead(code); got != want {
			t.Errorf("%q: %v", code, got)
		}
	}
}

// at sets the clock of the provider.
func (l *logins) at(later time.Duration) { l.later = later }

// near reports whether a pause is the one that is wanted, but for what the test took.
func near(got, want time.Duration) bool { return got <= want && got > want-time.Minute }

// The pauses of a lost login, and their sums. What would come after a day does not.
var probes = []time.Duration{
	5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 40 * time.Minute, 80 * time.Minute, 160 * time.Minute, 320 * time.Minute,
	6 * time.Hour, 6 * time.Hour,
}

func TestALostLoginIsTriedForADay(t *testing.T) {
	var script []http.HandlerFunc
	for range 2 + len(probes) {
		script = append(script, spent("invalid_grant"))
	}
	l := newLogins(t, script...)
	var since time.Duration
	for i, pause := range probes {
		err := l.refresh(t.Context())
		if (err.Lost != "") != (i == 0) || !near(err.Wait, pause) {
			t.Fatalf("try %d: lost %q, wait %v, want %v", i+1, err.Lost, err.Wait, pause)
		}
		l.at(since + pause - time.Minute)
		if err := l.refresh(t.Context()); err.Class != messages.ClassRejected || err.Wait <= 0 || err.Wait > time.Minute || len(l.sent) != i+1 {
			t.Fatalf("before its time: %v, wait %v, %d requests", err, err.Wait, len(l.sent))
		}
		since += pause
		l.at(since)
	}
	if err := l.refresh(t.Context()); err.Wait != -1 || len(l.sent) != len(probes)+1 {
		t.Errorf("the last try: wait %v, %d requests", err.Wait, len(l.sent))
	}
	l.at(30 * 24 * time.Hour)
	if err := l.refresh(t.Context()); err.Wait != -1 || len(l.sent) != len(probes)+1 {
		t.Errorf("after a day: wait %v, %d requests", err.Wait, len(l.sent))
	}
	_, err := Acquire(t.Context(), l.p, Request{Service: "s", Previous: l.state, Asked: true})
	if e := asError(t, err); e.Wait != -1 || e.Lost != "" || len(l.sent) != len(probes)+2 {
		t.Errorf("somebody asks: wait %v, lost %q, %d requests", e.Wait, e.Lost, len(l.sent))
	}
}

// A clock that was ahead when the login was lost, and was put right, costs one pause.
func TestALostLoginIsTriedAfterTheClockWasPutRight(t *testing.T) {
	l := newLogins(t, spent("invalid_grant"), rotates("b"))
	l.at(365 * 24 * time.Hour)
	if err := l.refresh(t.Context()); !near(err.Wait, 5*time.Minute) {
		t.Fatalf("wait %v", err.Wait)
	}
	l.at(0)
	if err := l.refresh(t.Context()); !near(err.Wait, 5*time.Minute) {
		t.Fatalf("after the clock was put right: wait %v", err.Wait)
	}
	l.at(5 * time.Minute)
	if _, err := l.acquire(); err != nil {
		t.Fatal(err)
	}
	l.wantSent("first", "first")
}

// A server may be wrong once, such as one whose replica lags.
func TestALostLoginIsFoundAgain(t *testing.T) {
	l := newLogins(t, rotates("b"), spent("refresh_token_expired"), spent("refresh_token_expired"), spent("token_revoked"), rotates("c"), rotates(""))
	s := l.withFallback(helps(""))
	want := func(later time.Duration, token string, probe time.Duration, asked int) {
		t.Helper()
		l.at(later)
		res, err := l.acquire()
		if err != nil || res.AccessToken.Reveal() != token || s.asked != asked || probe > 0 && !near(res.Probe, probe) || probe == 0 && res.Probe != 0 {
			t.Fatalf("after %v: %v, %v, probe after %v, %d requests to the fallback", later, res.AccessToken.Reveal(), err, res.Probe, s.asked)
		}
	}
	want(0, "at-1", 0, 0)
	want(0, "spare-at", 5*time.Minute, 1)
	want(4*time.Minute, "spare-at", time.Minute, 2)    // not tried
	want(6*time.Minute, "spare-at", 10*time.Minute, 3) // tried
	want(8*time.Minute, "spare-at", 8*time.Minute, 4)  // not tried
	want(17*time.Minute, "at-1", 0, 4)                 // found
	want(18*time.Minute, "at-1", 0, 4)                 // with what it has brought
	l.wantSent("first", "b", "first", "b", "b", "c")
}

// Whoever wants to know about the login alone does not have the fallback asked.
func TestAProbeAsksTheLoginAlone(t *testing.T) {
	l := newLogins(t, spent("invalid_grant"), says(503, ""), spent("invalid_grant"), rotates(""))
	s := l.withFallback(helps(""))
	if _, err := l.acquire(); err != nil {
		t.Fatal(err)
	}
	probe := func(later time.Duration) error {
		l.at(later)
		res, err := Acquire(t.Context(), l.p, Request{Service: "s", Previous: l.state, Probe: true})
		if !res.State.IsZero() {
			l.state = res.State
		}
		return err
	}
	for _, c := range []struct{ later, wait time.Duration }{
		{time.Minute, 4 * time.Minute}, // too early
		{5 * time.Minute, 10 * time.Minute},
		{15 * time.Minute, 20 * time.Minute},
	} {
		if e := asError(t, probe(c.later)); !near(e.Probe, c.wait) || e.Lost != "" {
			t.Errorf("after %v: again after %v, want %v, lost %q", c.later, e.Probe, c.wait, e.Lost)
		}
	}
	if err := probe(35 * time.Minute); err != nil || s.asked != 1 {
		t.Errorf("%v, %d requests to the fallback", err, s.asked)
	}
	l.wantSent("first", "first", "first", "first")
}

// Trouble with the lost login does not keep the fallback from helping.
func TestTroubleWithALostLoginLeavesTheFallback(t *testing.T) {
	l := newLogins(t, spent("invalid_grant"), says(503, ""), hangUp, hangUp)
	s := l.withFallback(helps(""))
	for i, later := range []time.Duration{0, 5 * time.Minute, 15 * time.Minute} {
		l.at(later)
		if res, err := l.acquire(); err != nil || res.AccessToken.Reveal() != "spare-at" || s.asked != i+1 {
			t.Errorf("after %v: %v, %d requests to the fallback", later, err, s.asked)
		}
	}
}

// Another text is another login, and a login that an earlier version found to be lost
// is tried once more.
func TestWhatElseEndsTheSilence(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(l *logins)
		sent string
	}{
		"another refresh token": {func(l *logins) { l.current = "second" }, "second"},
		"a state of old": {func(l *logins) {
			first := familyOfText(t, "first")
			first.Lost = true
			l.state = first.state()
		}, "first"},
		"another client": {func(l *logins) {
			l.remake(func(r *RefreshToken) { r.ClientID = "other" })
		}, "first"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLogins(t, spent("invalid_grant"), spent("invalid_grant"))
			if l.refresh(t.Context()).Lost == "" {
				t.Error("not lost")
			}
			c.edit(l)
			if err := l.refresh(t.Context()); !near(err.Wait, 5*time.Minute) {
				t.Errorf("wait %v", err.Wait)
			}
			l.wantSent("first", c.sent)
			_ = l.refresh(t.Context())
			l.wantSent("first", c.sent)
		})
	}
}

func familyOfText(t *testing.T, text string) family {
	t.Helper()
	f, err := familyOf(Text{Secret: messages.NewSecret(text)}, State{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}
