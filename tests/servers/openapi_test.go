package servers

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/sirupsen/logrus"

	"tokend/config"
	"tokend/system"
	"tokend/system/httpapi"
)

// newDoor returns the door of a system with one service that has a token, and one
// that will get none.
func newDoor(t *testing.T) http.Handler {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	cfg, err := config.Parse([]byte(`
services:
  pager: {provider: static, token: some-token}
  refused: {provider: client_credentials, token_url: "http://127.0.0.1:1/token", client_id: a, client_secret: b}
`))
	if err != nil {
		t.Fatal(err)
	}
	sys, err := system.New(cfg, system.WithLogger(log))
	if err != nil {
		t.Fatal(err)
	}
	if err := sys.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sys.Stop(context.Background()) })
	return httpapi.New(sys, httpapi.Options{})
}

// described returns what checks requests and answers against the description that
// the door gives of itself.
func described(t *testing.T, door http.Handler) validator.Validator {
	t.Helper()
	rec := httptest.NewRecorder()
	door.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/openapi.yaml", nil))
	document, err := libopenapi.NewDocument(rec.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	v, errs := validator.NewValidator(document)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return v
}

func TestTheDescriptionIsOpenAPI(t *testing.T) {
	if ok, errs := described(t, newDoor(t)).ValidateDocument(); !ok {
		for _, e := range errs {
			t.Errorf("%s: %s", e.Message, e.Reason)
		}
	}
}

func TestRequestsAndAnswersAreAsDescribed(t *testing.T) {
	door := newDoor(t)
	v := described(t, door)
	tests := map[string]struct {
		method, target, body string
		status               int
	}{
		"a token":              {"GET", "/v1/token/pager?min_ttl=30s&wait=1s", "", 200},
		"no token":             {"GET", "/v1/token/refused", "", 503},
		"no service":           {"GET", "/v1/token/nope", "", 404},
		"tokens":               {"POST", "/v1/tokens", `{"services":["pager","refused","nope"],"min_ttl":"30s"}`, 200},
		"services":             {"GET", "/v1/services", "", 200},
		"a service":            {"GET", "/v1/services/pager", "", 200},
		"a refresh":            {"POST", "/v1/services/pager/refresh", "{}", 200},
		"a refresh that fails": {"POST", "/v1/services/refused/refresh", "{}", 503},
		"an invalidation":      {"POST", "/v1/services/pager/invalidate", `{"fingerprint":"0123456789ab"}`, 200},
		"a proxy's question":   {"GET", "/v1/authorize/pager", "", 200},
		"a proxy's refusal":    {"PUT", "/v1/authorize/nope", "", 403},
		"health":               {"GET", "/healthz", "", 200},
		"readiness":            {"GET", "/readyz", "", 503},
	}
	// refused is needed before readiness is looked at.
	httpDo(t, door, "GET", "/v1/token/refused", "")
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			req, resp := httpDo(t, door, tt.method, tt.target, tt.body)
			if resp.StatusCode != tt.status {
				t.Errorf("status %d, want %d", resp.StatusCode, tt.status)
			}
			if ok, errs := v.ValidateHttpRequestResponse(req, resp); !ok {
				for _, e := range errs {
					t.Errorf("%s: %s", e.Message, e.Reason)
					for _, s := range e.SchemaValidationErrors {
						t.Errorf("  %s", s.Reason)
					}
				}
			}
		})
	}
}

func httpDo(t *testing.T, door http.Handler, method, target, body string) (*http.Request, *http.Response) {
	t.Helper()
	build := func() *http.Request {
		r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		return r
	}
	rec := httptest.NewRecorder()
	door.ServeHTTP(rec, build())
	return build(), rec.Result()
}
