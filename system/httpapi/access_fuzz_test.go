package httpapi

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tokend/system/access"
)

// FuzzAccess asks in whatever way net/http takes for a request, with whatever key.
// Nobody but the client gets a token, the client none but billing's, and each
// request but those for health is in the audit.
func FuzzAccess(f *testing.F) {
	key, hash := access.NewKey()
	policy, err := access.New([]access.Client{{Name: "ci", KeyHash: hash, Grants: granting("get", "billing")}}, access.Options{})
	if err != nil {
		f.Fatal(err)
	}
	l := listenTCPTest(f)
	defer func() { _ = l.Close() }()
	for _, header := range []string{"KEY", "Bearer KEY", "bearer KEY", "Bearer tkd_", "Basic KEY", ""} {
		f.Add("GET", "/v1/token/forever", "", "localhost", header)
		f.Add("GET", "/v1/token/billing", "", "localhost", header)
		f.Add("POST", "/v1/tokens", `{"services":["billing","forever"]}`, "localhost", header)
		f.Add("GET", "/v1/services/../token/forever", "", "127.0.0.1", header)
	}
	f.Fuzz(func(t *testing.T, method, target, body, host, header string) {
		r, ok := request(method, target, body, host)
		if !ok {
			return
		}
		header = strings.ReplaceAll(header, "KEY", key.Reveal())
		r.Header["Authorization"] = []string{header}
		audit := &ledger{}
		d, err := NewDoor(l, aPort, DoorOptions{})
		if err != nil {
			t.Fatal(err)
		}
		near, far := net.Pipe()
		defer func() { _, _ = near.Close(), far.Close() }()
		rec := httptest.NewRecorder()
		New(newFake(), Options{Access: access.NewShared(policy), Audit: audit}).ServeHTTP(rec, r.WithContext(d.connContext(t.Context(), near)))
		checkAccess(t, r, rec, audit.take(), bearerOf([]string{header}) == key.Reveal())
	})
}

func checkAccess(t *testing.T, r *http.Request, rec *httptest.ResponseRecorder, records []access.Record, known bool) {
	t.Helper()
	answer := rec.Body.String()
	if strings.Contains(answer, secretValue) && (!known || strings.Contains(answer, `"service":"forever","state"`)) {
		t.Errorf("%s %s: %s", r.Method, r.URL, answer)
	}
	open := (r.URL.Path == "/healthz" || r.URL.Path == "/readyz") && r.URL.RawPath == ""
	if len(records) == 0 && !open {
		t.Errorf("%s %s: no record of %d %s", r.Method, r.URL, rec.Code, answer)
	}
	for _, a := range records {
		if a.Decision == access.Granted && (!known || a.Service == "forever") || a.Fingerprint != "" && a.Service != "billing" {
			t.Errorf("%s %s: %+v", r.Method, r.URL, a)
		}
	}
}
