package tests

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tokend/config"
	"tokend/messages"
	"tokend/system"
	"tokend/tests/fakes/idptest"
)

func TestCommandsAreAnsweredByMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play("erp", idptest.Fail(messages.ClassRejected))
		w := begin(t, idp, setup{services: map[string]config.Service{
			billing: scripted(config.Settings{}), "erp": scripted(config.Settings{}),
		}})
		get := ask[*messages.TokenReply](w, &messages.GetToken{Service: billing})
		if get.Err != nil || get.Token.Value() != w.token(billing).Value() {
			t.Errorf("GetToken: %v, %v", get.Token, get.Err)
		}
		batch := ask[*messages.TokensReply](w, &messages.GetTokens{Services: []string{billing, "erp", "none"}})
		checkBatch(t, batch.Tokens, batch.Errs)

		info := ask[*messages.TokenInfoReply](w, &messages.GetTokenInfo{Service: billing})
		if diff := cmp.Diff(w.info(billing), info.Info); info.Err != nil || diff != "" {
			t.Errorf("GetTokenInfo: %v %s", info.Err, diff)
		}
		list := ask[*messages.ServicesReply](w, &messages.ListServices{})
		if diff := cmp.Diff(w.sys.List(), list.Services); diff != "" || len(list.Services) != 2 || list.Services[0].Service != billing {
			t.Errorf("ListServices: %s", diff)
		}
		pass(10 * time.Minute)
		refresh := ask[*messages.TokenInfoReply](w, &messages.RefreshToken{Service: billing})
		if refresh.Err != nil || refresh.Info.Generation != 2 || refresh.Info.State != messages.StateFresh {
			t.Errorf("RefreshToken: %+v, %v", refresh.Info, refresh.Err)
		}
		failed := ask[*messages.TokenInfoReply](w, &messages.RefreshToken{Service: "erp"})
		if !errors.Is(failed.Err, messages.ErrRejected) || failed.Info.Service != "erp" || failed.Info.LastError == nil {
			t.Errorf("RefreshToken that fails: %+v, %v", failed.Info, failed.Err)
		}
		pass(10 * time.Minute)
		gone := ask[*messages.InvalidateReply](w, &messages.InvalidateToken{Service: billing, Fingerprint: refresh.Info.Fingerprint})
		if gone.Err != nil || !gone.Invalidated {
			t.Errorf("InvalidateToken: %+v", gone)
		}
		stale := ask[*messages.InvalidateReply](w, &messages.InvalidateToken{Service: billing, Fingerprint: refresh.Info.Fingerprint})
		if stale.Err != nil || stale.Invalidated {
			t.Errorf("InvalidateToken of a stale one: %+v", stale)
		}
		w.calls(billing, 3)
	})
}

// checkBatch looks at what billing, erp (rejected) and none (unknown) brought.
func checkBatch(t *testing.T, tokens map[string]messages.Token, errs map[string]error) {
	t.Helper()
	if len(tokens) != 1 || tokens[billing].Value() == "" {
		t.Errorf("tokens %v", tokens)
	}
	if len(errs) != 2 || !errors.Is(errs["erp"], messages.ErrRejected) || !errors.Is(errs["none"], messages.ErrUnknownService) {
		t.Errorf("errors %v", errs)
	}
}

func TestABatchIsPartial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play("erp", idptest.Fail(messages.ClassRejected))
		w := begin(t, idp, setup{services: map[string]config.Service{
			billing: scripted(config.Settings{}), "erp": scripted(config.Settings{}),
		}})
		tokens, errs := w.sys.TokensByName(t.Context(), 0, billing, "erp", "none", billing)
		checkBatch(t, tokens, errs)
		tokens, err := w.sys.Tokens(t.Context(), billing, "erp", "none")
		if len(tokens) != 1 || !errors.Is(err, messages.ErrRejected) || !errors.Is(err, messages.ErrUnknownService) {
			t.Errorf("%v, %v", tokens, err)
		}
		if tokens, err = w.sys.Tokens(t.Context(), billing); err != nil || len(tokens) != 1 {
			t.Errorf("%v, %v", tokens, err)
		}
		if tokens, err = w.sys.Tokens(t.Context()); err != nil || len(tokens) != 0 {
			t.Errorf("of no service: %v, %v", tokens, err)
		}
	})
}

func TestABatchIsConcurrent(t *testing.T) {
	ways := map[string]func(w *world, names []string) int{
		"Tokens": func(w *world, names []string) int {
			tokens, _ := w.sys.Tokens(w.Context(), names...)
			return len(tokens)
		},
		"GetTokens": func(w *world, names []string) int {
			return len(ask[*messages.TokensReply](w, &messages.GetTokens{Services: names}).Tokens)
		},
	}
	for name, get := range ways {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				services := map[string]config.Service{}
				var names []string
				for i := range 200 {
					service := fmt.Sprintf("s%d", i)
					names = append(names, service)
					services[service] = scripted(config.Settings{})
					idp.Play(service, idptest.After(3*time.Second, idptest.Token(time.Hour)))
				}
				w := begin(t, idp, setup{services: services})
				if got := get(w, names); got != len(names) {
					t.Errorf("%d tokens", got)
				}
				if took := sinceStart(); took != 3*time.Second {
					t.Errorf("took %v, want 3s", took)
				}
			})
		})
	}
}

func TestABatchKeepsItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play("erp", idptest.Hang())
		w := begin(t, idp, setup{services: map[string]config.Service{
			billing: scripted(config.Settings{}), "erp": scripted(config.Settings{}),
		}})
		deadline := time.Now().Add(3 * time.Second)
		reply := ask[*messages.TokensReply](w, &messages.GetTokens{Services: []string{billing, "erp"}, Deadline: deadline})
		if !time.Now().Equal(deadline) {
			t.Errorf("answered after %v", sinceStart())
		}
		if len(reply.Tokens) != 1 || !errors.Is(reply.Errs["erp"], messages.ErrTimeout) {
			t.Errorf("%v, %v", reply.Tokens, reply.Errs)
		}
	})
}

func TestAnUnknownServiceIsRefusedByEveryDoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		for name, open := range doors {
			w.atOnce(name, func() {
				_, err := open(t.Context(), w, "none")
				refusedAt(t, name, err, messages.ErrUnknownService)
			})
		}
		_, err := w.sys.Info(t.Context(), "none")
		wantError(t, err, messages.ErrUnknownService)
		_, err = w.sys.Expired("none")
		wantError(t, err, messages.ErrUnknownService)
		wantError(t, w.sys.Refresh(t.Context(), "none"), messages.ErrUnknownService)
		_, err = w.sys.Invalidate(t.Context(), "none", "")
		wantError(t, err, messages.ErrUnknownService)
		for _, m := range []messages.Command{&messages.GetTokenInfo{Service: "none"}, &messages.RefreshToken{Service: "none"}} {
			wantError(t, ask[*messages.TokenInfoReply](w, m).Err, messages.ErrUnknownService)
		}
		wantError(t, ask[*messages.InvalidateReply](w, &messages.InvalidateToken{Service: "none"}).Err, messages.ErrUnknownService)
	})
}

func TestAMessageWithMinTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		w.token(billing)
		pass(40 * time.Minute)
		for wish, generation := range []uint64{1, 1, 2} {
			m := &messages.GetToken{Service: billing, MinTTL: time.Duration(wish) * 15 * time.Minute}
			if reply := ask[*messages.TokenReply](w, m); reply.Err != nil || reply.Token.Generation != generation {
				t.Errorf("with %v: %v, %v", m.MinTTL, reply.Token, reply.Err)
			}
		}
	})
}

func TestInvalidationByMessageIsAnsweredWhenItHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Token(time.Hour), idptest.After(4*time.Second, idptest.Token(time.Hour)))
		w := begin(t, idp, setup{})
		w.token(billing)
		pass(time.Minute)
		start := time.Now()
		reply := ask[*messages.InvalidateReply](w, &messages.InvalidateToken{Service: billing})
		if took := time.Since(start); !reply.Invalidated || took != 4*time.Second {
			t.Errorf("%+v after %v", reply, took)
		}
	})
}

func TestAStrangersMessageHarmsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		tok := w.token(billing)
		root := w.sys.ActorSystem().Root
		for _, m := range []any{"text", 7, &struct{ Text string }{"x"}, messages.GetToken{Service: billing}} {
			root.Send(w.sys.PID(), m)
		}
		pass(time.Minute)
		if got, err := throughGetToken(t.Context(), w, billing); err != nil || got != tok.Fingerprint {
			t.Errorf("%q, %v", got, err)
		}
		var names []string
		for _, info := range w.sys.List() {
			names = append(names, info.Service)
		}
		if !slices.Equal(names, []string{billing}) {
			t.Errorf("services %q", names)
		}
	})
}

func TestNewRefusesAWrongConfiguration(t *testing.T) {
	tests := map[string]config.Config{
		"an unknown kind":    {Services: map[string]config.Service{"a": {Provider: "unheard-of"}}},
		"a bad name":         {Services: map[string]config.Service{"A b": {Provider: idptest.Kind}}},
		"a negative timeout": {Services: map[string]config.Service{"a": scripted(config.Settings{Timeout: new(-time.Second)})}},
		"no kind":            {Services: map[string]config.Service{"a": {}}},
	}
	for name, cfg := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := system.New(&cfg, system.WithProvider(idptest.Kind, idptest.New().Provider)); err == nil {
				t.Error("accepted")
			}
		})
	}
}
