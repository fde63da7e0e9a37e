package token

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"tokend/actors/provider"
	"tokend/actors/vault"
	"tokend/actors/vault/vaulttest"
	"tokend/messages"
)

// asking is a provider that asks for scopes.
type asking struct {
	provider.Provider
	scopes []string
}

func (a asking) Asked() []string { return a.scopes }

func TestMissingScopes(t *testing.T) {
	tests := map[string]struct{ asked, granted, want []string }{
		"as asked":                   {[]string{"a", "b"}, []string{"a", "b"}, nil},
		"in another order, twice":    {[]string{"a", "b"}, []string{"b", "a", "b"}, nil},
		"more than asked":            {[]string{"a"}, []string{"a", "b"}, nil},
		"not told":                   {[]string{"a"}, nil, nil},
		"one less":                   {[]string{"a", "b"}, []string{"b"}, []string{"a"}},
		"one less that was twice":    {[]string{"a", "b", "a"}, []string{"b"}, []string{"a"}},
		"none":                       {[]string{"a", "b"}, []string{}, []string{"a", "b"}},
		"others":                     {[]string{"a"}, []string{"b"}, []string{"a"}},
		"a scope is no part of text": {[]string{"a"}, []string{"ab"}, []string{"a"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := &Options{Provider: asking{scopes: tt.asked}}
			if got := o.missing(tt.granted); !slices.Equal(got, tt.want) {
				t.Errorf("missing %q, want %q", got, tt.want)
			}
		})
	}
	if got := (&Options{Provider: provider.Func(nil)}).missing([]string{}); got != nil {
		t.Errorf("missing %q, though nothing was asked for", got)
	}
}

func TestMissingScopesAreToldOncePerChange(t *testing.T) {
	var log *test.Hook
	bubble(t, func(h *harness) {
		told := func(want ...string) {
			t.Helper()
			var got []string
			for _, e := range log.AllEntries() {
				if text, ok := e.Data["scopes_missing"].(string); ok && e.Level == logrus.WarnLevel && e.Data["service"] == "billing" {
					got = append(got, text)
				}
			}
			if log.Reset(); !slices.Equal(got, want) {
				t.Errorf("told %q, want %q", got, want)
			}
		}
		granted := func(scopes ...string) {
			t.Helper()
			h.play(func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
				res := issue(n, time.Hour)
				res.Scopes = scopes
				return res, nil
			})
			time.Sleep(time.Minute)
			if err := h.refresh(); err != nil {
				t.Fatal(err)
			}
		}
		granted("c", "a", "b")
		told()
		granted("a")
		told("b c")
		granted("a", "a")
		told()
		if got := h.slot.Info().ScopesMissing; !slices.Equal(got, []string{"b", "c"}) {
			t.Errorf("info says %q", got)
		}
		h.again()
		if got := h.slot.Info().ScopesMissing; !slices.Equal(got, []string{"b", "c"}) {
			t.Errorf("after a restart info says %q", got)
		}
		granted("a")
		told()
		granted("b")
		told("a c")
		granted("a", "b", "c", "d")
		told()
		granted("b")
		told("a c")
		h.slot.Configure(h.with(func(o *Options) {
			o.Credential, o.Provider = 2, asking{o.Provider, []string{"a", "b", "c", "d"}}
		}))
		h.system.Root.Send(h.slot.PID(), &Reconfigured{})
		synctest.Wait()
		told("a c d") // asked for now for the first time
	}, func(h *harness, o *Options) {
		h.env.Log, log = test.NewNullLogger()
		o.Provider = asking{o.Provider, []string{"a", "b", "c"}}
	})
}

const loss = "400 invalid_grant: log in anew"

func TestALostLoginIsAnEvent(t *testing.T) {
	for name, tt := range map[string]struct {
		end   func(context.Context, int, provider.Request) (provider.Result, error)
		state string
	}{
		"beside a failure": {func(context.Context, int, provider.Request) (provider.Result, error) {
			return provider.Result{}, &provider.Error{Class: messages.ClassRejected, Text: loss, Lost: loss}
		}, messages.StateDegraded},
		"beside a token of another kind": {func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			res := issue(n, time.Hour)
			res.Lost = loss
			return res, nil
		}, messages.StateFresh},
		"beside a token of no use": {func(_ context.Context, _ int, _ provider.Request) (provider.Result, error) {
			return provider.Result{AccessToken: messages.NewSecret("two words"), Lost: loss}, nil
		}, messages.StateDegraded},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(h *harness) {
				h.mustGet()
				time.Sleep(time.Minute)
				h.play(tt.end)
				_ = h.refresh()
				synctest.Wait() // what is told comes after the answer
				e := lossOf(h)
				if e == nil || e.Failure.Text != loss || e.Failure.Class != messages.ClassRejected || e.Failure.NextTry.IsZero() ||
					e.Failure.Attempts != 1 || e.State != tt.state || e.Service != "billing" {
					t.Errorf("event %+v", e)
				}
			})
		})
	}
}

// What was configured anew meanwhile does not bring the login back.
func TestALoginLostByASupersededFlightIsAnEvent(t *testing.T) {
	var release chan struct{}
	bubble(t, func(h *harness) {
		p := h.slot.Call(&messages.GetToken{Service: "billing"})
		synctest.Wait()
		h.slot.Configure(h.with(func(o *Options) { o.Credential = 2 }))
		h.system.Root.Send(h.slot.PID(), &Reconfigured{})
		synctest.Wait()
		close(release)
		if r := p.Wait(h.Context()).(*messages.TokenReply); r.Err != nil {
			t.Error(r.Err)
		}
		synctest.Wait()
		if e := lossOf(h); e == nil || e.Failure.Text != loss {
			t.Errorf("event %+v", e)
		}
	}, func(h *harness, _ *Options) {
		release = make(chan struct{})
		h.script = func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			if n > 1 {
				return issue(n, time.Hour), nil
			}
			<-release
			return provider.Result{}, &provider.Error{Class: messages.ClassRejected, Text: loss, Lost: loss}
		}
	})
}

func lossOf(h *harness) *messages.LoginLost {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		if lost, ok := e.(*messages.LoginLost); ok {
			return lost
		}
	}
	return nil
}

// full is a store on a full disk.
type full struct{ vaulttest.Memory }

func (*full) SaveState(context.Context, vault.Key, vault.Sealed) error {
	return errors.New("no space left on device")
}

func TestAFullDiskKeepsNobodyFromTheToken(t *testing.T) {
	var log *test.Hook
	var seen []string
	bubble(t, func(h *harness) {
		if tok := h.mustGet(); tok.Value() != "token-1" {
			t.Errorf("got %s", tok.Value())
		}
		if e := log.LastEntry(); e == nil || e.Level != logrus.ErrorLevel || e.Message != "provider state not saved" {
			t.Errorf("logged %v", e)
		}
		rec, err := h.env.Store.Load(vault.Key{Service: "billing"})
		if err != nil || rec.State.IsZero() {
			t.Errorf("with the next record the store has %v, %v", rec, err)
		}
		time.Sleep(time.Minute)
		if err := h.refresh(); err != nil || seen[1] != "rotated" {
			t.Errorf("%v, the provider got %q", err, seen)
		}
	}, rotating(&seen), func(h *harness, _ *Options) {
		h.env.Log, log = test.NewNullLogger()
		h.env.Store = &full{}
	})
}

func rotating(seen *[]string) func(*harness, *Options) {
	return func(h *harness, _ *Options) {
		h.script = func(_ context.Context, n int, req provider.Request) (provider.Result, error) {
			*seen = append(*seen, string(req.Previous.Bytes()))
			res := issue(n, time.Hour)
			res.State = provider.NewState([]byte("rotated"))
			return res, nil
		}
	}
}

// What a flight of the old configuration brings is kept, though the new one keeps
// nothing.
func TestAStateIsKeptForTheConfigurationThatItCameOf(t *testing.T) {
	var seen []string
	bubble(t, func(h *harness) {
		_, _ = h.get(h.Context(), 0)
		rec, err := h.env.Store.Load(vault.Key{Service: "billing"})
		if err != nil || rec == nil || rec.State.IsZero() {
			t.Errorf("kept %v, %v", rec, err)
		}
	}, rotating(&seen), func(h *harness, _ *Options) {
		inner := h.script
		h.script = func(ctx context.Context, n int, req provider.Request) (provider.Result, error) {
			h.slot.Configure(h.with(func(o *Options) { o.Unkept = true }))
			return inner(ctx, n, req)
		}
	})
}

// A rotated refresh token belongs to the login, not to what else is configured.
func TestAStateOutlivesARestartWithAnotherConfiguration(t *testing.T) {
	var seen []string
	bubble(t, func(h *harness) {
		h.mustGet()
		h.slot.Configure(h.with(func(o *Options) { o.Credential = 2 << 32 }))
		h.again()
		h.wantState(messages.StateEmpty)
		h.mustGet()
		if !slices.Equal(seen, []string{"", "rotated"}) {
			t.Errorf("the provider got %q", seen)
		}
	}, rotating(&seen))
}
