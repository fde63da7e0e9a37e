package provider

import (
	"crypto/elliptic"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestARefusalByAnotherClockSaysSo(t *testing.T) {
	key := pkcs8(t, ecKey(t, elliptic.P256()))
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		date   string
		status int
		want   string
	}{
		"an hour ahead":   {now.Add(time.Hour).Format(http.TimeFormat), 401, "401 invalid_client: check clocks: the endpoint's is 1h0m0s ahead of this one"},
		"an hour behind":  {now.Add(-time.Hour).Format(http.TimeFormat), 400, "400 invalid_client: check clocks: the endpoint's is 1h0m0s behind this one"},
		"in trouble, too": {now.Add(-61 * time.Second).Format(http.TimeFormat), 500, "500 invalid_client: check clocks: the endpoint's is 1m1s behind this one"},
		"a minute ahead":  {now.Add(time.Minute).Format(http.TimeFormat), 401, "401 invalid_client"},
		"the same":        {now.Format(http.TimeFormat), 401, "401 invalid_client"},
		"no date":         {"yesterday", 401, "401 invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, says(c.status, `{"error":"invalid_client"}`, "Date", c.date))
			settings := asserting(t, server.URL, key)
			settings.Now = func() time.Time { return now }
			bearer := bearing(t, server.URL, key)
			bearer.Now = settings.Now
			byBearer, err := NewJWTBearer(bearer)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range []Provider{mustClient(t, settings), byBearer} {
				if got := failure(t, p); got.Text != c.want {
					t.Errorf("got  %s\nwant %s", got.Text, c.want)
				}
			}
			settings.Auth, settings.ClientSecret = AuthPost, hush("open sesame")
			if got := failure(t, mustClient(t, settings)); strings.Contains(got.Text, "clocks") {
				t.Errorf("nothing was asserted, but: %s", got.Text)
			}
		})
	}
}

func TestAnAnswerThatTakesLongIsNoClockThatIsWrong(t *testing.T) {
	sent := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct{ date, received, want time.Duration }{
		"between":        {2 * time.Minute, 4 * time.Minute, 0},
		"before both":    {-2 * time.Minute, 4 * time.Minute, -2 * time.Minute},
		"after both":     {6 * time.Minute, 4 * time.Minute, 2 * time.Minute},
		"at the sending": {0, 4 * time.Minute, 0},
	} {
		if got := skewBetween(sent.Add(c.date), sent, sent.Add(c.received)); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
	if got := skewBetween(time.Time{}, sent, sent); got != 0 {
		t.Errorf("no date: got %s", got)
	}
}
