package tests

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

// The schedule of a token that lives for an hour, as offsets from its birth.
const (
	hourRefreshFirst = 42 * time.Minute // the refresh point with the most jitter
	hourRefreshLast  = 45 * time.Minute // and without any
	hourWarn         = 55 * time.Minute
	hourChance       = time.Hour - 11*time.Second // with the jitter that draws none
)

// troubles are the ways in which an identity provider fails to help.
var troubles = map[string]idptest.Step{
	"refuses connections":     idptest.Fail(messages.ClassTransient),
	"rejects the credentials": idptest.Fail(messages.ClassRejected),
	"talks garbage":           idptest.Fail(messages.ClassMalformed),
	"throttles for an hour":   idptest.Throttle(messages.ClassThrottled, time.Hour),
	"loses refresh tokens":    idptest.Fail(messages.ClassAmbiguous),
	"panics":                  idptest.Panic(idptest.Canary),
	"fails without a class":   idptest.Leak(),
	"hangs":                   idptest.Hang(),
	"is slow to fail":         idptest.After(3*time.Second, idptest.Fail(messages.ClassTransient)),
	"hangs past its deadline": idptest.Deaf(time.Minute, idptest.Fail(messages.ClassTransient)),
	"brings dead tokens":      idptest.Token(-time.Second),
	"repeats itself":          idptest.Cached(time.Hour),
}

func TestP2NoWaitingWhileAGoodTokenExists(t *testing.T) {
	for name, trouble := range troubles {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.Token(time.Hour), trouble)
				w := begin(t, idp, setup{deaf: true})
				tok := w.token(billing)
				good := tok.ExpiresAt.Add(-10 * time.Second) // min_ttl left
				for time.Now().Before(good) {
					if got := w.token(billing); got.Fingerprint != tok.Fingerprint {
						t.Fatalf("after %v: another token", sinceStart())
					}
					pass(time.Second)
				}
				if idp.Count(billing) < 2 {
					t.Error("nobody tried to refresh")
				}
			})
		})
	}
}

func TestP2AnyLivingTokenIsAnsweredAtOnceInBackOff(t *testing.T) {
	for _, class := range []string{
		messages.ClassTransient, messages.ClassRejected, messages.ClassMalformed,
		messages.ClassThrottled, messages.ClassAmbiguous, messages.ClassPanic,
	} {
		t.Run(class, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.Token(time.Hour), idptest.Throttle(class, time.Hour))
				w := begin(t, idp, setup{})
				tok := w.token(billing)
				justBefore(tok.ExpiresAt.Add(-10 * time.Second))
				for time.Now().Before(tok.ExpiresAt) {
					w.token(billing)
					w.atOnce("a token with a wish", func() {
						if _, err := w.sys.TokenMinTTL(t.Context(), billing, time.Hour); err != nil {
							t.Fatalf("after %v: %v", sinceStart(), err)
						}
					})
					pass(100 * time.Millisecond)
				}
			})
		})
	}
}

func TestP2AWishIsMetToTheNanosecond(t *testing.T) {
	const delay = 500 * time.Millisecond
	tests := map[string]struct {
		life, asked time.Duration
		left        time.Duration // that must be left to be answered at once
	}{
		"a wish":                         {time.Hour, 20 * time.Minute, 20 * time.Minute},
		"half the life at most":          {time.Hour, 50 * time.Minute, 30 * time.Minute},
		"half the life of a short token": {time.Minute, time.Hour, 30 * time.Second},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.Token(tc.life), idptest.After(delay, idptest.Token(tc.life)))
				settings := config.Settings{RefreshThreshold: new(tc.life / 20)} // out of the wish's way
				w := begin(t, idp, setup{services: map[string]config.Service{billing: scripted(settings)}})
				tok := w.token(billing)

				until(tok.ExpiresAt.Add(-tc.left))
				w.atOnce("with the life asked for", func() { w.wish(tc.asked, tok.Generation) })
				w.calls(billing, 1)

				pass(time.Nanosecond)
				start := time.Now()
				w.wish(tc.asked, tok.Generation+1)
				if took := time.Since(start); took != delay {
					t.Errorf("the next one came after %v, want %v", took, delay)
				}
				w.calls(billing, 2)
			})
		})
	}
}

// wish asks for a token of billing and checks which one comes.
func (w *world) wish(minTTL time.Duration, generation uint64) {
	w.Helper()
	tok, err := w.sys.TokenMinTTL(w.Context(), billing, minTTL)
	if err != nil || tok.Generation != generation {
		w.Fatalf("after %v: generation %d, want %d, error %v", sinceStart(), tok.Generation, generation, err)
	}
}

func TestP2TheServicesOwnMinTTL(t *testing.T) {
	tests := map[string]struct {
		life time.Duration
		own  *time.Duration
		left time.Duration
	}{
		"ten seconds":            {time.Hour, nil, 10 * time.Second},
		"a tenth at most":        {time.Minute, nil, 6 * time.Second},
		"as configured":          {time.Hour, new(5 * time.Second), 5 * time.Second},
		"a tenth of it at most":  {time.Hour, new(time.Hour), 6 * time.Minute},
		"zero: any living token": {time.Hour, new(time.Duration(0)), 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.Token(tc.life), idptest.Token(tc.life))
				settings := config.Settings{MinTTL: tc.own, RefreshThreshold: new(2 * time.Millisecond), Timeout: new(time.Second)}
				w := begin(t, idp, setup{services: map[string]config.Service{billing: scripted(settings)}})
				tok := w.token(billing)
				if tc.left == 0 {
					until(tok.ExpiresAt.Add(-3 * time.Millisecond))
					w.wish(0, tok.Generation)
					return
				}
				until(tok.ExpiresAt.Add(-tc.left))
				w.wish(0, tok.Generation)
				pass(time.Nanosecond)
				w.wish(0, tok.Generation+1)
			})
		})
	}
}

func TestP2AShortTokenWaitsForTheFlightUnderWay(t *testing.T) {
	tests := map[string]struct {
		ends       idptest.Step
		generation uint64
	}{
		"that brings a new one":       {idptest.Token(time.Hour), 2},
		"that fails: the one at hand": {idptest.Fail(messages.ClassTransient), 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.Token(time.Hour), idptest.Fail(messages.ClassRejected))
				w := begin(t, idp, setup{})
				tok := w.token(billing)
				until(tok.CreatedAt.Add(chanceOf(w.info(billing)) - rounded))
				before := idp.Count(billing)
				idp.Play(billing, idptest.After(time.Until(tok.ExpiresAt.Add(-8*time.Second)), tc.ends))
				pass(2 * rounded)
				w.calls(billing, before+1)

				until(tok.ExpiresAt.Add(-10 * time.Second))
				w.atOnce("with min_ttl left", func() { w.wish(0, 1) })
				pass(time.Nanosecond)
				start := time.Now()
				w.wish(0, tc.generation)
				if took := time.Since(start); took < 2*time.Second-rounded || took > 2*time.Second+2*rounded {
					t.Errorf("waited for %v", took)
				}
			})
		})
	}
}

func TestP2AWishIsNoReasonToRefuseALivingToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Token(time.Hour), idptest.Hang())
		w := begin(t, idp, setup{})
		tok := w.token(billing)
		pass(40 * time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		got, err := w.sys.TokenMinTTL(ctx, billing, 30*time.Minute)
		if err != nil || got.Fingerprint != tok.Fingerprint {
			t.Errorf("an impatient caller with a wish gets %v, %v while a token lives", got, err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("and after %v", took)
		}
	})
}
