package tests

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

// Whatever an endpoint says about an end counts, in whatever spelling, and what is
// wrong with it is told once.
func TestP1EverySpellingOfAnEndCounts(t *testing.T) {
	now := time.Now().UTC()
	end := now.Add(20 * time.Minute).Truncate(time.Second)
	for name, members := range map[string]string{
		"seconds":              fmt.Sprintf(`"expires_at":%d`, end.Unix()),
		"milliseconds":         fmt.Sprintf(`"expires_at":%d`, end.UnixMilli()),
		"microseconds":         fmt.Sprintf(`"expires_on":"%d"`, end.UnixMicro()),
		"nanoseconds":          fmt.Sprintf(`"exp":%d`, end.UnixNano()),
		"a text":               fmt.Sprintf(`"expires_at":%q`, end.Format("2006-01-02 15:04:05 MST")),
		"beside a longer life": fmt.Sprintf(`"expires_in":86400,"expires_at":%d`, end.UnixMilli()),
	} {
		t.Run(name, func(t *testing.T) {
			endpoint := idptest.NewEndpoint(t)
			endpoint.Play(idptest.Answer{Body: `{"access_token":"at-1",` + members + `}`})
			w := begin(t, idptest.New(), setup{services: map[string]config.Service{billing: clientCredentials(endpoint.URL, "word")}})
			tok, err := w.sys.Token(t.Context(), billing)
			if early := end.Sub(tok.ExpiresAt); err != nil || early < 0 || early > 3*time.Second {
				t.Errorf("ends %s early, %v", early, err)
			}
		})
	}
}

func TestWhatIsWrongWithAnAnswerThatWorksIsLoggedOnce(t *testing.T) {
	endpoint := idptest.NewEndpoint(t)
	date := http.Header{"Date": {time.Now().Add(2 * time.Hour).UTC().Format(http.TimeFormat)}}
	answer := func(n int) idptest.Answer {
		return idptest.Answer{Body: fmt.Sprintf(`{"access_token":"at-%d","expires_in":3600,"expires_at":"soon"}`, n), Header: date}
	}
	endpoint.Play(answer(1), answer(2), answer(3))
	w := begin(t, idptest.New(), setup{services: map[string]config.Service{billing: clientCredentials(endpoint.URL, "word")}})
	for range 3 {
		if err := w.sys.Refresh(t.Context(), billing); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"check clocks: the endpoint's is ", "expires_at is neither RFC 3339 nor a number since 1970: it does not count"} {
		if n := strings.Count(w.logs.String(), want); n != 1 {
			t.Errorf("%q is logged %d times:\n%s", want, n, w.logs)
		}
	}
}

// A bound of the operator's holds for every kind, in the node's life as in an answer.
func TestMaxTTLBoundsEveryToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Token(30*365*24*time.Hour), idptest.Fail(messages.ClassTransient))
		w := begin(t, idp, setup{services: map[string]config.Service{
			billing: scripted(config.Settings{MaxTTL: new(time.Hour)}),
			"fixed": {Provider: config.KindStatic, Settings: config.Settings{MaxTTL: new(time.Hour)}, Static: &config.Static{Token: config.NewSecret("at-fixed")}},
		}})
		born := time.Now()
		for _, name := range []string{billing, "fixed"} {
			if tok := w.token(name); !tok.ExpiresAt.Equal(born.Add(time.Hour)) {
				t.Errorf("%s ends at %s", name, tok.ExpiresAt)
			}
		}
		pass(time.Hour - time.Nanosecond)
		w.token(billing)
		pass(time.Nanosecond)
		w.refused(billing, messages.ErrUnavailable)
		pass(time.Minute)
		if tok := w.token("fixed"); !tok.ExpiresAt.After(time.Now()) { // it is read again, and bounded again
			t.Errorf("ends at %s", tok.ExpiresAt)
		}
	})
}

func TestALifeOfDecadesIsAMistakeWithoutMaxTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, idptest.Token(30*365*24*time.Hour))
		w := begin(t, idp, setup{})
		_, err := w.sys.Token(context.Background(), billing)
		if e := wantError(t, err, messages.ErrInvalidResponse); !strings.Contains(e.Error(), "set max_ttl") {
			t.Error(e)
		}
	})
}

// A token that lives for two seconds by its server's whole seconds is served for one.
func TestP1AWholeSecondIsTakenOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play(billing, func(context.Context, idptest.Call) (provider.Result, error) {
			return provider.Result{AccessToken: messages.NewSecret("at-1"), Lifetime: 12 * time.Second, WholeSeconds: true}, nil
		}, idptest.Fail(messages.ClassTransient))
		w := begin(t, idp, setup{})
		w.token(billing)
		pass(11*time.Second - time.Nanosecond)
		w.token(billing)
		pass(time.Nanosecond)
		w.refused(billing, messages.ErrUnavailable)
	})
}
