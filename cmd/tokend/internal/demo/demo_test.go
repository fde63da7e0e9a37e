package demo

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"tokend/config"
)

func newIdP(t *testing.T, now func() time.Time) (*IdP, *httptest.Server) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	idp, err := New("http://"+server.Listener.Addr().String(), now)
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = idp
	server.Start()
	t.Cleanup(server.Close)
	return idp, server
}

func send(t *testing.T, r *http.Request) (int, map[string]any) {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var body map[string]any
	if err := json.Unmarshal(text, &body); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return resp.StatusCode, body
}

func post(t *testing.T, target, contentType, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	return r
}

func TestClientCredentials(t *testing.T) {
	idp, server := newIdP(t, nil)
	ask := func(secret string) (int, map[string]any) {
		form := url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}}
		r := post(t, server.URL+"/token", "application/x-www-form-urlencoded", form.Encode())
		r.SetBasicAuth("demo", secret)
		return send(t, r)
	}
	status, body := ask(idp.password)
	token, _ := body["access_token"].(string)
	if status != http.StatusOK || strings.Count(token, ".") != 2 || body["expires_in"] != 20.0 {
		t.Errorf("status %d, JWT with %d dots, expires_in %v", status, strings.Count(token, "."), body["expires_in"])
	}
	if status, body := ask("wrong"); status != http.StatusUnauthorized || body["error"] != "invalid_client" {
		t.Errorf("a wrong secret gets %d, %v", status, body["error"])
	}
}

func TestTroubleComesBackWithEveryToken(t *testing.T) {
	tests := map[string]struct {
		service string
		after   time.Duration
		want    int
	}{
		"erp never fails":                  {"erp", 0, http.StatusOK},
		"reports fails at its warning":     {"reports", 16 * time.Second, http.StatusServiceUnavailable},
		"reports recovers at its last try": {"reports", 16600 * time.Millisecond, http.StatusOK},
		"crm fails at its last try":        {"crm", 22 * time.Second, http.StatusServiceUnavailable},
		"crm recovers when it is dead":     {"crm", 25 * time.Second, http.StatusOK},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
			idp, server := newIdP(t, func() time.Time { return now })
			login := func() int {
				status, _ := send(t, post(t, server.URL+"/"+tt.service+"/login", "application/json", `{"user":"demo","password":"`+idp.password+`"}`))
				return status
			}
			for range 2 {
				if status := login(); status != http.StatusOK {
					t.Fatalf("a token is due, and the status is %d", status)
				}
				now = now.Add(tt.after)
				if status := login(); status != tt.want {
					t.Errorf("status %d, want %d", status, tt.want)
				}
				now = now.Add(time.Hour)
			}
		})
	}
}

func TestWrongPasswordIsRefused(t *testing.T) {
	_, server := newIdP(t, nil)
	for _, body := range []string{`{"user":"demo","password":"x"}`, `{}`, `no JSON`, strings.Repeat(" ", 2*maxRequest)} {
		if _, got := send(t, post(t, server.URL+"/erp/login", "application/json", body)); got["code"] != 401.0 || got["data"] != nil {
			t.Errorf("%.40q gets %v", body, got)
		}
	}
}

func TestConfigIsValidAndItsSecretsDiffer(t *testing.T) {
	first, _ := newIdP(t, nil)
	second, _ := newIdP(t, nil)
	if first.password == second.password {
		t.Error("two demos have the same password")
	}
	cfg, err := config.Parse(first.Config())
	if err != nil {
		t.Fatal(err)
	}
	if names := slices.Sorted(maps.Keys(cfg.Services)); !slices.Equal(names, slices.Sorted(slices.Values(first.Services()))) {
		t.Errorf("services %q", names)
	}
	steady, err := config.Parse(first.Steady())
	if err != nil {
		t.Fatal(err)
	}
	if names := slices.Sorted(maps.Keys(steady.Services)); !slices.Equal(names, []string{"billing", "erp"}) {
		t.Errorf("services that never fail: %q", names)
	}
}
