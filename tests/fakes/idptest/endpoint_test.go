package idptest_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tokend/tests/fakes/idptest"
)

func post(ctx context.Context, t *testing.T, e *idptest.Endpoint) (*http.Response, string, error) {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("probe", "word")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return res, string(body), err
}

func TestEndpointAnswersAsTold(t *testing.T) {
	e := idptest.NewEndpoint(t)
	e.Play(
		idptest.Answer{Status: http.StatusTooManyRequests, Body: "slow down", ContentType: "text/plain", Header: http.Header{"Retry-After": {"7"}}},
		idptest.Answer{ExpiresIn: time.Minute},
	)
	res, body, err := post(t.Context(), t, e)
	if err != nil || res.StatusCode != http.StatusTooManyRequests || body != "slow down" || res.Header.Get("Retry-After") != "7" {
		t.Errorf("the fault: %v %q", err, body)
	}
	for range 2 {
		res, body, err = post(t.Context(), t, e)
		if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(body, `"expires_in":60`) {
			t.Errorf("the token: %v %q", err, body)
		}
	}
	asked := e.Asked()
	if len(asked) != 3 || asked[0].Form.Get("grant_type") != "client_credentials" || !strings.HasPrefix(asked[0].Authorization, "Basic ") {
		t.Errorf("noted %d requests", len(asked))
	}
}

func TestEndpointCutsTheConnection(t *testing.T) {
	e := idptest.NewEndpoint(t)
	e.Play(idptest.Answer{Cut: true})
	if _, _, err := post(t.Context(), t, e); err == nil {
		t.Error("the whole answer came")
	}
}

func TestEndpointLetsTheClientLeave(t *testing.T) {
	e := idptest.NewEndpoint(t)
	e.Play(idptest.Answer{Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := post(ctx, t, e); err == nil {
		t.Error("an answer came before its time")
	}
}
