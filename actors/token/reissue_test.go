package token

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"tokend/actors/provider"
	"tokend/actors/vault"
	"tokend/messages"
)

// cache is an IdP that hands out the same token until it dies.
type cache struct {
	life  time.Duration
	delay time.Duration                                  // after the end, until there is another
	value func(n int, end time.Time) string              // nil: an opaque one
	state func(left, life time.Duration) provider.Result // what it says of the end; nil: what is left

	mu  sync.Mutex
	n   int
	end time.Time
}

func (i *cache) answer(context.Context, int, provider.Request) (provider.Result, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := time.Now()
	if i.n == 0 || !now.Before(i.end.Add(i.delay)) {
		i.n, i.end = i.n+1, now.Add(i.life)
	}
	left, res := i.end.Sub(now), provider.Result{}
	switch {
	case i.state != nil:
		res = i.state(left, i.life)
	case left > 0:
		res.Lifetime = left
	default:
		res.Lifetime = -1
	}
	text := fmt.Sprintf("token-%d", i.n)
	if i.value != nil {
		text = i.value(i.n, i.end)
	}
	res.AccessToken = messages.NewSecret(text)
	return res, nil
}

// jwt is a token that says by itself when it ends.
func jwt(n int, end time.Time) string {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	return part(`{"alg":"none"}`) + "." + part(fmt.Sprintf(`{"exp":%d,"n":%d}`, end.Unix(), n)) + ".sig"
}

// first returns when the IdP was asked first.
func (h *harness) first() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.calls[0]
}

// offsets returns when the IdP was asked.
func (h *harness) offsets() []time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []time.Duration
	for _, at := range h.calls {
		all = append(all, at.Sub(h.calls[0]))
	}
	return all
}

// names returns what was published.
func (h *harness) names() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for _, e := range h.events {
		all = append(all, e.Name())
	}
	return all
}

func (h *harness) wantNames(want ...string) {
	h.Helper()
	if got := h.names(); !slices.Equal(got, want) {
		h.Errorf("after %v: published %q, want %q", time.Since(h.first()), got, want)
	}
}

// at waits until that long after the first request.
func (h *harness) at(after time.Duration) {
	time.Sleep(time.Until(h.first().Add(after)))
	synctest.Wait()
}

// logged fails the test if anything above info was logged.
func (h *harness) logged(hook *test.Hook) {
	h.Helper()
	for _, e := range hook.AllEntries() {
		if e.Level < logrus.InfoLevel {
			h.Errorf("logged %s: %s %v", e.Level, e.Message, e.Data)
		}
	}
}

// Whatever an IdP says of the end of the token that it repeats, callers get it until
// the earliest end, the next one comes within a moment, and nothing is told of it.
func TestTheSameTokenUntilItDies(t *testing.T) {
	const life = 2 * time.Hour
	left := func(left, _ time.Duration) provider.Result { return provider.Result{Lifetime: left} }
	tests := map[string]struct {
		cache *cache
		edit  func(*harness, *Options)
		most  int // requests a life
	}{
		"opaque, with what is left":             {&cache{}, nil, 5},
		"with the whole life again":             {&cache{state: func(_, life time.Duration) provider.Result { return provider.Result{Lifetime: life} }}, nil, 5},
		"with a longer one each time":           {&cache{state: func(left, life time.Duration) provider.Result { return provider.Result{Lifetime: 3*life - 2*left} }}, nil, 5},
		"with an absolute end":                  {&cache{state: func(left, _ time.Duration) provider.Result { return provider.Result{ExpiresAt: time.Now().Add(left)} }}, nil, 5},
		"without an end but the first time":     {&cache{state: func(left, life time.Duration) provider.Result { return endOnce(left, life) }}, nil, 5},
		"which it calls endless later":          {&cache{state: func(left, life time.Duration) provider.Result { r := endOnce(left, life); r.NoExpiry = true; return r }}, nil, 5},
		"a JWT that claims more outside":        {&cache{value: jwt, state: func(_, life time.Duration) provider.Result { return provider.Result{Lifetime: 2 * life} }}, nil, 5},
		"a JWT that says nothing outside":       {&cache{value: jwt, state: func(_, life time.Duration) provider.Result { return provider.Result{} }}, nil, 5},
		"known in advance":                      {&cache{state: left}, func(_ *harness, o *Options) { o.AtExpiry = true }, 1},
		"known in advance, the whole life":      {&cache{state: func(_, life time.Duration) provider.Result { return provider.Result{Lifetime: life} }}, func(_ *harness, o *Options) { o.AtExpiry = true }, 1},
		"known in advance, a JWT":               {&cache{value: jwt}, func(_ *harness, o *Options) { o.AtExpiry = true }, 1},
		"with callers who wish for more life":   {&cache{}, func(_ *harness, o *Options) { o.Policy.MinTTL = time.Hour }, 5},
		"refreshed much too early":              {&cache{}, func(_ *harness, o *Options) { o.Policy.RefreshThreshold = time.Hour }, 5},
		"bounded by a setting that is longer":   {&cache{}, func(_ *harness, o *Options) { o.Bounds.Max = 3 * time.Hour }, 5},
		"with the end in the past at last":      {&cache{delay: 150 * time.Millisecond}, nil, 5},
		"late by half a second":                 {&cache{delay: 450 * time.Millisecond}, nil, 5},
		"late by a second":                      {&cache{delay: 900 * time.Millisecond}, nil, 5},
		"late, and known in advance":            {&cache{delay: 450 * time.Millisecond}, func(_ *harness, o *Options) { o.AtExpiry = true }, 1},
		"late, with the whole life each time":   {&cache{delay: 900 * time.Millisecond, state: func(_, life time.Duration) provider.Result { return provider.Result{Lifetime: life} }}, nil, 5},
		"without an end, but default_ttl is it": {&cache{state: func(left, life time.Duration) provider.Result { return endOnce(left, life) }}, func(_ *harness, o *Options) { o.Bounds.Default = 90 * time.Minute }, 5},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			tc.cache.life = life
			var hook *test.Hook
			edits := []func(*harness, *Options){func(h *harness, _ *Options) {
				h.script = tc.cache.answer
				h.env.Log, hook = test.NewNullLogger()
			}}
			if tc.edit != nil {
				edits = append(edits, tc.edit)
			}
			bubble(t, func(h *harness) {
				first := h.mustGet()
				begin := h.first()
				for d := time.Duration(0); d < life; d += time.Minute { // callers wish for more than there is
					h.at(d)
					if _, err := h.get(h.Context(), time.Hour); err != nil {
						h.Fatal(err)
					}
				}
				h.at(life - time.Nanosecond)
				if tok := h.mustGet(); tok.Fingerprint != first.Fingerprint || tok.Generation != 1 || !tok.ExpiresAt.Equal(begin.Add(life)) {
					h.Errorf("a nanosecond before its end: %v until %v", tok, tok.ExpiresAt)
				}
				h.wantNames("token_acquired")
				if n := h.requests(); n > tc.most {
					h.Errorf("%d requests before the end, at %v", n, h.offsets())
				}
				before := h.requests()
				time.Sleep(time.Nanosecond)
				next := h.mustGet() // waits
				if next.Fingerprint == first.Fingerprint || next.Generation != 2 {
					h.Errorf("at its end: %v", next)
				}
				if took := time.Since(begin) - life; took > tc.cache.delay+500*time.Millisecond || took < tc.cache.delay {
					h.Errorf("the next one took %v", took)
				}
				if n := h.requests() - before; n > 4 {
					h.Errorf("%d requests at the end", n)
				}
				h.at(life + time.Minute)
				h.wantNames("token_acquired", "token_refreshed")
				h.wantState(messages.StateFresh)
				h.logged(hook)
				if n := h.slot.Info().Counters.Failures; n != 0 {
					h.Errorf("%d failures", n)
				}
			}, edits...)
		})
	}
}

// endOnce states an end with a new token only.
func endOnce(left, life time.Duration) provider.Result {
	if left == life {
		return provider.Result{Lifetime: life}
	}
	return provider.Result{}
}

func TestWhenTheSameTokenIsAskedFor(t *testing.T) {
	bubble(t, func(h *harness) {
		h.mustGet()
		refresh := h.slot.Info().RefreshAt.Sub(h.first())
		h.at(time.Hour + time.Minute)
		rest := time.Hour - refresh
		want := []time.Duration{0, refresh, refresh + rest/2, refresh + rest*3/4, refresh + rest*7/8, time.Hour, time.Hour + 200*time.Millisecond}
		if got := h.offsets(); !slices.Equal(got, want) {
			h.Errorf("asked at %v, want %v", got, want)
		}
	}, func(h *harness, _ *Options) {
		h.script = (&cache{life: time.Hour, delay: 100 * time.Millisecond}).answer
	})
}

// A server that counts in whole seconds may end a token up to one second before it says
// so. It is not served for that second, but the server hands out the next one only then.
func TestTheSameTokenOfAServerThatCountsInSeconds(t *testing.T) {
	seconds := func(left, _ time.Duration) provider.Result {
		return provider.Result{Lifetime: max(left.Truncate(time.Second), -1), WholeSeconds: true}
	}
	whole := func(_, life time.Duration) provider.Result {
		return provider.Result{Lifetime: life, WholeSeconds: true}
	}
	dated := func(left, _ time.Duration) provider.Result {
		now := time.Now()
		return provider.Result{ExpiresAt: now.Add(left).Truncate(time.Second), Date: now.Truncate(time.Second)}
	}
	tests := map[string]struct {
		cache    *cache
		atExpiry bool
		skewed   time.Duration // by how much what is stated later may move the end
	}{
		"expires_in, what is left":           {&cache{state: seconds}, false, time.Second},
		"expires_in, the whole life":         {&cache{state: whole}, false, 0},
		"expires_at and a Date":              {&cache{state: dated}, false, time.Second},
		"a JWT":                              {&cache{value: jwt, state: whole}, false, time.Second},
		"known in advance":                   {&cache{state: whole}, true, 0},
		"known in advance, a JWT":            {&cache{value: jwt, state: whole}, true, time.Second},
		"late by half a second":              {&cache{state: seconds, delay: 450 * time.Millisecond}, false, time.Second},
		"known in advance, late by a little": {&cache{state: whole, delay: 900 * time.Millisecond}, true, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			const life = time.Hour
			tc.cache.life = life
			var hook *test.Hook
			bubble(t, func(h *harness) {
				first := h.mustGet()
				h.at(life - time.Second - tc.skewed - time.Nanosecond)
				if tok := h.mustGet(); tok.Fingerprint != first.Fingerprint {
					h.Errorf("%v", tok)
				}
				before := h.requests()
				h.at(life - time.Second)
				var tok messages.Token
				if h.slot.Cached(&tok, 0) || h.slot.Living(&tok) {
					h.Errorf("served in its last second: %v", tok)
				}
				h.wantState(messages.StateExpired)
				if !h.slot.Turning() {
					h.Error("the next one is not expected any moment")
				}
				next := h.mustGet() // waits
				if took := time.Since(h.first()) - life; took < tc.cache.delay || took > tc.cache.delay+500*time.Millisecond {
					h.Errorf("the next one came %v after the stated end", took)
				}
				if next.Fingerprint == first.Fingerprint || next.Generation != 2 {
					h.Errorf("%v", next)
				}
				if n := h.requests(); before > 5 || n-before > 4 {
					h.Errorf("%d requests before the end and %d at it, at %v", before, n-before, h.offsets())
				}
				h.at(life + 10*time.Second)
				h.wantNames("token_acquired", "token_refreshed")
				h.logged(hook)
			}, func(h *harness, o *Options) {
				h.script, o.AtExpiry = tc.cache.answer, tc.atExpiry
				h.env.Log, hook = test.NewNullLogger()
			})
		})
	}
}

// An IdP that is too late is trouble: from two seconds after the end.
func TestATokenThatIsNotFollowedIsTroubleAfterTwoSeconds(t *testing.T) {
	var hook *test.Hook
	bubble(t, func(h *harness) {
		first := h.mustGet()
		h.at(time.Hour + 2*time.Second - time.Nanosecond)
		h.wantNames("token_acquired")
		h.wantState(messages.StateExpired)
		h.logged(hook)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if h.count("token_expired") != 1 {
			h.Errorf("published %q", h.names())
		}
		h.at(time.Hour + 10*time.Second)
		if failure := h.slot.Info().LastError; failure == nil || failure.Class != messages.ClassMalformed || failure.Text == "" {
			h.Errorf("%+v", failure)
		}
		if _, err := h.get(h.Context(), 0); err == nil {
			h.Error("a token")
		}
		h.at(time.Hour + 2*time.Minute)
		if tok := h.mustGet(); tok.Fingerprint == first.Fingerprint || tok.Generation != 2 {
			h.Errorf("%v", tok)
		}
		if h.count("token_acquired") != 2 || h.count("token_refreshed") != 0 {
			h.Errorf("published %q", h.names())
		}
	}, func(h *harness, _ *Options) {
		h.script = (&cache{life: time.Hour, delay: time.Minute, state: func(_, life time.Duration) provider.Result {
			return provider.Result{Lifetime: life}
		}}).answer
		h.env.Log, hook = test.NewNullLogger()
	})
}

// Trouble at the end that passes within two seconds is not told either, but refused
// credentials are at once.
func TestTroubleAtTheEndOfTheSameToken(t *testing.T) {
	tests := map[string]struct {
		class string
		quiet bool
	}{
		"transient": {messages.ClassTransient, true},
		"malformed": {messages.ClassMalformed, true},
		"throttled": {messages.ClassThrottled, true},
		"rejected":  {messages.ClassRejected, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			idp := &cache{life: time.Hour}
			bubble(t, func(h *harness) {
				h.mustGet()
				h.at(time.Hour - time.Nanosecond)
				h.play(func(context.Context, int, provider.Request) (provider.Result, error) {
					return provider.Result{}, down(tc.class)
				})
				h.at(time.Hour + 100*time.Millisecond)
				if quiet := h.count("refresh_failed") == 0; quiet != tc.quiet {
					h.Errorf("published %q", h.names())
				}
				if _, err := h.get(h.Context(), 0); err == nil {
					h.Error("a token")
				}
				h.play(idp.answer)
				if tc.quiet {
					h.at(time.Hour + 200*time.Millisecond)
					h.mustGet()
					h.wantNames("token_acquired", "token_refreshed")
				}
			}, func(h *harness, _ *Options) { h.script = idp.answer })
		})
	}
}

// Trouble that is over when the end comes costs no one the token: who asks in the second
// in which it is not served any more waits for the end that was stated.
func TestTroubleBeforeTheEndOfTheSameToken(t *testing.T) {
	idp := &cache{life: time.Hour, state: func(_, life time.Duration) provider.Result {
		return provider.Result{Lifetime: life, WholeSeconds: true}
	}}
	bubble(t, func(h *harness) {
		first := h.mustGet()
		h.at(50 * time.Minute)
		h.failAs(messages.ClassTransient)
		h.at(time.Hour - 10*time.Second)
		if tok := h.mustGet(); tok.Fingerprint != first.Fingerprint || h.count("refresh_failed") == 0 || h.count("token_expiring") == 0 {
			h.Errorf("%v, published %q", tok, h.names())
		}
		h.play(idp.answer)
		h.at(time.Hour - time.Second/2)
		if tok := h.mustGet(); tok.Generation != 2 || time.Since(h.first()) != time.Hour {
			h.Errorf("%v after %v", tok, time.Since(h.first()))
		}
		if n := h.requests(); n > 6 {
			h.Errorf("%d requests at %v", n, h.offsets())
		}
	}, func(h *harness, _ *Options) { h.script = idp.answer })
}

// What is known of a token is known to the next incarnation and to the next process.
func TestTheSameTokenOverACrashAndARestart(t *testing.T) {
	const life = 2 * time.Hour
	for name, begin := range map[string]struct {
		again    func(h *harness)
		atExpiry bool
	}{
		"a crash":                        {(*harness).crash, false},
		"a restart":                      {(*harness).restart, false},
		"a restart, known in advance":    {(*harness).restart, true},
		"a crash, known in advance":      {(*harness).crash, true},
		"a restart after a crash":        {func(h *harness) { h.crash(); h.restart() }, false},
		"a restart every minute":         {func(h *harness) { h.restart(); h.at(life - 2*time.Minute); h.restart() }, false},
		"a restart while it is replaced": {func(h *harness) { h.at(life); h.restart() }, false},
	} {
		t.Run(name, func(t *testing.T) {
			idp := &cache{life: life, delay: 300 * time.Millisecond, state: func(_, life time.Duration) provider.Result {
				return provider.Result{Lifetime: life}
			}}
			var hook *test.Hook
			bubble(t, func(h *harness) {
				first := h.mustGet()
				end := h.first().Add(life)
				h.at(life - 5*time.Minute)
				asked := h.requests()
				begin.again(h)
				if time.Now().Before(end) {
					if tok := h.mustGet(); tok.Fingerprint != first.Fingerprint || tok.Generation != 1 || !tok.ExpiresAt.Equal(end) {
						h.Errorf("%v until %v", tok, tok.ExpiresAt)
					}
					h.at(life - time.Nanosecond)
					if n := h.requests(); n > 5 || n < asked {
						h.Errorf("%d requests before the end, at %v", n, h.offsets())
					}
					time.Sleep(time.Nanosecond)
				}
				if tok := h.mustGet(); tok.Fingerprint == first.Fingerprint || tok.Generation != 2 {
					h.Errorf("%v", tok)
				}
				if n := h.count("token_expired") + h.count("token_expiring") + h.count("refresh_failed"); n > 0 {
					h.Errorf("published %q", h.names())
				}
				h.logged(hook)
			}, func(h *harness, o *Options) {
				h.script, o.AtExpiry = idp.answer, begin.atExpiry
				h.env.Log, hook = test.NewNullLogger()
			})
		})
	}
}

// crash has the actor begin anew with what is in the slot.
func (h *harness) crash() {
	h.Helper()
	h.system.Root.Poison(h.slot.PID())
	synctest.Wait()
	if _, err := h.system.Root.SpawnNamed(Props(h.slot), h.slot.PID().Id); err != nil {
		h.Fatal(err)
	}
	synctest.Wait()
}

// restart ends the process, and begins another with what the store holds.
func (h *harness) restart() {
	h.Helper()
	h.stop()
	h.restarted()
}

// restarted begins a process after another has ended.
func (h *harness) restarted() {
	h.Helper()
	name := fmt.Sprint("service/billing", len(h.names()), time.Now().UnixNano())
	slot, err := NewSlot("billing", h.system.NewLocalPID(name), h.env, h.slot.Options(), nil)
	if err != nil {
		h.Fatal(err)
	}
	h.slot = slot
	if _, err := h.system.Root.SpawnNamed(Props(slot), name); err != nil {
		h.Fatal(err)
	}
	synctest.Wait()
}

// An end that was stated of a token stays, though another one was handed out between.
func TestTokensInTurnKeepTheirEnds(t *testing.T) {
	for _, several := range []int{2, 3} {
		t.Run(fmt.Sprint(several), func(t *testing.T) { tokensInTurn(t, several) })
	}
}

func tokensInTurn(t *testing.T, several int) {
	const life = time.Hour
	bubble(t, func(h *harness) {
		begin, last := time.Now(), atomic.Pointer[time.Time]{}
		h.play(func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			if n == several {
				last.Store(new(time.Now()))
			}
			if time.Since(begin) > 4*life {
				return issue(n, life), nil
			}
			return issue(n%several, life), nil // each time for the whole of it
		})
		ends := map[string]time.Time{}
		for time.Since(begin) < 4*life {
			tok, err := h.get(h.Context(), 0)
			if err == nil {
				if end, known := ends[tok.Fingerprint]; known && tok.ExpiresAt.After(end) {
					h.Fatalf("after %v: %v until %v, which was to end at %v", time.Since(begin), tok, tok.ExpiresAt, end)
				}
				ends[tok.Fingerprint] = tok.ExpiresAt
				if !time.Now().Before(tok.ExpiresAt) {
					h.Fatalf("dead: %v", tok)
				}
			}
			if last.Load() != nil && !time.Now().Before(last.Load().Add(life)) && err == nil {
				h.Fatalf("after %v: %v", time.Since(begin), tok)
			}
			time.Sleep(10 * time.Second)
		}
		time.Sleep(time.Minute)
		h.mustGet()
	})
}

// The word of a caller costs a request, but not the end that was stated.
func TestTheSameTokenAfterInvalidation(t *testing.T) {
	bubble(t, func(h *harness) {
		first := h.mustGet()
		h.at(10 * time.Minute)
		if h.invalidate("") {
			h.Error("invalidated, though the same token came again")
		}
		h.wantRequests(2)
		if tok := h.mustGet(); tok.Fingerprint != first.Fingerprint || !tok.ExpiresAt.Equal(first.ExpiresAt) || tok.Generation != 1 {
			h.Errorf("%v until %v", tok, tok.ExpiresAt)
		}
		h.wantState(messages.StateFresh)
		h.at(time.Hour)
		if tok := h.mustGet(); tok.Fingerprint == first.Fingerprint {
			h.Errorf("%v until %v", tok, tok.ExpiresAt)
		}
	}, func(h *harness, _ *Options) {
		h.script = (&cache{life: time.Hour, state: func(_, life time.Duration) provider.Result { return provider.Result{Lifetime: life} }}).answer
	})
}

func (h *harness) invalidate(fingerprint string) bool {
	h.Helper()
	r := h.slot.Call(&messages.InvalidateToken{Service: "billing", Fingerprint: fingerprint}).Wait(h.Context()).(*messages.InvalidateReply)
	if r.Err != nil {
		h.Error(r.Err)
	}
	return r.Invalidated
}

// A caller who reports it again and again is not let to spend what the server grants.
func TestReportsAboutTheSameTokenAreBounded(t *testing.T) {
	bubble(t, func(h *harness) {
		first := h.mustGet()
		for range int(2*time.Hour/time.Second) - 1 {
			time.Sleep(time.Second)
			if h.invalidate(first.Fingerprint) {
				h.Fatal("invalidated")
			}
		}
		if n := h.requests(); n > 5+2*60/5 {
			h.Errorf("%d requests", n)
		}
	}, func(h *harness, _ *Options) { h.script = (&cache{life: 2 * time.Hour}).answer })
}

// A wall clock that is put right kills tokens that were born by the wrong one. The
// server knows better.
func TestTheSameTokenAfterTheClockWasPutRight(t *testing.T) {
	var step atomic.Int64
	bubble(t, func(h *harness) {
		first := h.mustGet()
		h.at(10 * time.Minute)
		step.Store(int64(2 * time.Hour))
		h.system.Root.Send(h.slot.PID(), &ClockMoved{})
		h.at(11 * time.Minute)
		tok := h.mustGet()
		if left := tok.ExpiresAt.Sub(h.env.Clock.Now().Time()); tok.Fingerprint != first.Fingerprint || left != 49*time.Minute {
			h.Errorf("%v lives for %v", tok, left)
		}
		h.at(time.Hour - time.Nanosecond)
		if tok := h.mustGet(); tok.Fingerprint != first.Fingerprint {
			h.Errorf("%v", tok)
		}
		h.at(time.Hour)
		if tok := h.mustGet(); tok.Fingerprint == first.Fingerprint {
			h.Errorf("%v", tok)
		}
	}, func(h *harness, _ *Options) {
		h.env.Clock = NewClock(func() time.Time { return time.Now().Add(time.Duration(step.Load())) })
		h.script = (&cache{life: time.Hour}).answer
	})
}

// A token that a setting of ours ends begins again with each answer, as before.
func TestAnEndOfOursIsNoneOfTheServers(t *testing.T) {
	for name, by := range map[string]provider.Bounds{"default_ttl": {Default: time.Hour}, "max_ttl": {Max: time.Hour}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(h *harness) {
				first := h.mustGet()
				h.at(10 * time.Hour)
				tok := h.mustGet()
				if tok.Fingerprint != first.Fingerprint || tok.Generation < 9 || !tok.ExpiresAt.After(time.Now()) {
					h.Errorf("%v until %v", tok, tok.ExpiresAt)
				}
				if h.count("token_expired") > 0 {
					h.Errorf("published %q", h.names())
				}
			}, func(h *harness, o *Options) {
				o.Bounds = by
				h.script = func(context.Context, int, provider.Request) (provider.Result, error) {
					return provider.Result{AccessToken: messages.NewSecret("fixed"), Lasting: true}, nil
				}
			})
		})
	}
}

func TestMaxTTLDoesNotHideTheEndThatWasStated(t *testing.T) {
	bubble(t, func(h *harness) {
		h.mustGet()
		for range 8 { // each answer says 90 min, of which an hour counts
			time.Sleep(10 * time.Minute)
			if tok := h.mustGet(); tok.ExpiresAt.After(h.first().Add(90 * time.Minute)) {
				h.Fatalf("%v until %v", tok, tok.ExpiresAt)
			}
		}
		h.at(90 * time.Minute)
		if _, err := h.get(h.Context(), 0); err == nil {
			h.Error("a token past the end that was stated of it")
		}
	}, func(h *harness, o *Options) {
		o.Bounds.Max = time.Hour
		h.script = func(context.Context, int, provider.Request) (provider.Result, error) {
			return provider.Result{AccessToken: messages.NewSecret("fixed"), Lifetime: 90 * time.Minute}, nil
		}
	})
}

func TestReissueMayBeConfiguredAnyTime(t *testing.T) {
	bubble(t, func(h *harness) {
		h.mustGet()
		h.adjust(func(o *Options) { o.AtExpiry = true })
		h.at(time.Hour - time.Nanosecond)
		h.wantRequests(1)
		h.adjust(func(o *Options) { o.AtExpiry = false })
		h.wantRequests(2) // past its refresh point
		h.wantState(messages.StateFresh)
	})
	bubble(t, func(h *harness) {
		h.mustGet()
		h.at(30 * time.Minute)
		h.adjust(func(o *Options) { o.AtExpiry = true })
		h.adjust(func(o *Options) { o.AtExpiry = false })
		h.at(time.Hour)
		h.wantRequests(2)
		h.wantNames("token_acquired", "token_refreshed")
	})
}

func (h *harness) adjust(edit func(*Options)) {
	o := *h.slot.Options()
	edit(&o)
	h.slot.Configure(&o)
	h.system.Root.Send(h.slot.PID(), &Reconfigured{})
	synctest.Wait()
}

func TestARecordHoldsWhatIsKnownOfARepeatedToken(t *testing.T) {
	bubble(t, func(h *harness) {
		h.mustGet()
		h.at(time.Hour - time.Minute)
		rec, err := h.env.Store.Load(vault.Key{Service: "billing"})
		if err != nil || !rec.Repeated || rec.Asked < 3 || !rec.FirmEnd.Equal(rec.ExpiresAt) {
			h.Errorf("%+v, %v", rec, err)
		}
	}, func(h *harness, _ *Options) { h.script = (&cache{life: time.Hour}).answer })
}
