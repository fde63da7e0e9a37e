package tests

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

// A caller who wants more life than there is waits for a refresh. If he cannot,
// the token that lives is better than an error.
func TestP2WhoCannotWaitGetsTheLivingToken(t *testing.T) {
	const wish = 30 * time.Minute
	wants := func(w *world) func() (string, error) {
		return func() (string, error) { return named(w.sys.TokenMinTTL(w.Context(), billing, wish)) }
	}
	hurdles := map[string]func(w *world) outcome{
		"because too many wait": func(w *world) outcome {
			_ = callers(1, wants(w)) // who has the only place
			return <-callers(1, wants(w))
		},
		"because the actor crashed": func(w *world) outcome {
			got := callers(1, wants(w))
			w.kill(billingActor)
			return <-got
		},
		"because the actor was stopped": func(w *world) outcome {
			got := callers(1, wants(w))
			w.stopFromOutside(billingActor)
			return <-got
		},
	}
	for name, hurdle := range hurdles {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				outlastDeadLetters(t)
				idp := idptest.New()
				idp.Play(billing, idptest.Token(time.Hour), idptest.Hang())
				w := begin(t, idp, setup{limits: config.Limits{WaitersPerService: 1}})
				tok := w.token(billing)
				pass(31 * time.Minute)
				begin := time.Now()
				o := hurdle(w)
				if o.err != nil || o.fingerprint != tok.Fingerprint || !o.at.Equal(begin) {
					t.Errorf("%q, %v after %v", o.fingerprint, o.err, o.at.Sub(begin))
				}
			})
		})
	}
}

// A context without a deadline tells the actor nothing when it is cancelled.
func TestP3CancelledCallersFreeTheirPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.After(9*time.Second, idptest.Token(time.Hour)))
		w := begin(t, idp, setup{limits: config.Limits{WaitersPerService: 10}})
		ctx, cancel := context.WithCancel(t.Context())
		leaving := callers(9, w.asking(ctx))
		staying := callers(1, w.asking(t.Context()))
		w.refused(billing, messages.ErrOverloaded)
		cancel()
		for range 9 {
			wantError(t, (<-leaving).err, messages.ErrTimeout)
		}
		late := callers(9, w.asking(t.Context()))
		w.refused(billing, messages.ErrOverloaded)
		pass(9 * time.Second)
		if o := <-staying; o.err != nil {
			t.Errorf("who stayed: %v", o.err)
		}
		for range 9 {
			if o := <-late; o.err != nil {
				t.Errorf("who came into a free place: %v", o.err)
			}
		}
		w.calls(billing, 1)
	})
}

// Times that far away do not fit into a time.Duration. What overflows shows when
// time goes on between two looks at the clock, so this is no bubble. Whoever is
// answered late is told of the attempt's failure instead of his own timeout.
func TestP8ADeadlineLongPastIsAnsweredAtOnce(t *testing.T) {
	for _, year := range []int{1, 1500, 1990} {
		deadline := time.Date(year, 1, 1, 0, 0, 0, 1, time.UTC)
		idp := idptest.New()
		idp.Play(billing, idptest.Hang())
		w := begin(t, idp, setup{})
		one := ask[*messages.TokenReply](w, &messages.GetToken{Service: billing, Deadline: deadline})
		wantError(t, one.Err, messages.ErrTimeout)
		batch := ask[*messages.TokensReply](w, &messages.GetTokens{Services: []string{billing}, Deadline: deadline})
		wantError(t, batch.Errs[billing], messages.ErrTimeout)
	}
}

func TestP8ADeadlineFarAwayIsNoneAtAll(t *testing.T) {
	for _, year := range []int{2200, 2500, 9999} {
		synctest.Test(t, func(t *testing.T) {
			deadline := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
			idp := idptest.New()
			idp.Play(billing, idptest.After(2*time.Second, idptest.Token(time.Hour)), idptest.Hang())
			w := begin(t, idp, setup{})
			one := ask[*messages.TokenReply](w, &messages.GetToken{Service: billing, Deadline: deadline})
			batch := ask[*messages.TokensReply](w, &messages.GetTokens{Services: []string{billing}, Deadline: deadline})
			if one.Err != nil || batch.Errs[billing] != nil || sinceStart() != 2*time.Second {
				t.Errorf("in the year %d: %v, %v after %v", year, one.Err, batch.Errs[billing], sinceStart())
			}
		})
	}
}

// What one reader does to an info, no other sees, nor the actor.
func TestAnInfoIsItsReadersOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, scoped("read", "write"), idptest.Fail(messages.ClassRejected))
		w := begin(t, idp, setup{})
		w.token(billing)
		pass(2 * time.Second)
		wantError(t, w.sys.Refresh(t.Context(), billing), messages.ErrRejected)
		want := w.info(billing)
		want.LastError, want.Scopes = new(*want.LastError), slices.Clone(want.Scopes)
		readers := map[string]func() messages.TokenInfo{
			"Info": func() messages.TokenInfo { return w.info(billing) },
			"List": func() messages.TokenInfo { return w.sys.List()[0] },
			"GetTokenInfo": func() messages.TokenInfo {
				return ask[*messages.TokenInfoReply](w, &messages.GetTokenInfo{Service: billing}).Info
			},
			"ListServices": func() messages.TokenInfo {
				return ask[*messages.ServicesReply](w, &messages.ListServices{}).Services[0]
			},
		}
		for name, read := range readers {
			info := read()
			info.LastError.Class, info.LastError.NextTry, info.Scopes[0] = "spoiled", time.Time{}, "spoiled"
			if diff := cmp.Diff(want, w.info(billing)); diff != "" {
				t.Errorf("spoiled through %s:\n%s", name, diff)
			}
		}
		until(want.LastError.NextTry) // the actor's own plan
		w.calls(billing, 3)
	})
}

// scoped brings a token of an hour with these scopes.
func scoped(scopes ...string) idptest.Step {
	return func(ctx context.Context, call idptest.Call) (provider.Result, error) {
		result, err := idptest.Token(time.Hour)(ctx, call)
		result.Scopes = scopes
		return result, err
	}
}
