package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"tokend/system/httpapi"
)

func TestAnUnknownServiceIsToldWithTheNearestNames(t *testing.T) {
	const four = `{"services":[{"service":"billing"},{"service":"bill-a"},{"service":"bill-b"},{"service":"bill-c"},{"service":"erp"}]}`
	tests := map[string]struct {
		status        int
		list, service string
		want          string
	}{
		"a slip":                  {200, four, "bilking", "; did you mean billing?"},
		"a beginning of several":  {200, four, "bill", "; did you mean billing or bill-a or bill-b?"},
		"nothing like it":         {200, four, "warehouse", "; tokend list prints those that are"},
		"a list that is none":     {200, "<html>", "bilking", ""},
		"a list that is empty":    {200, `{"services":[]}`, "bilking", ""},
		"a list that is denied":   {403, `{"code":"denied"}`, "bilking", ""},
		"names that cannot be":    {200, `{"services":[{"service":"bilkin\u001b"}]}`, "bilking", "; tokend list prints those that are"},
		"a node with a bare name": {200, `{"services":[{"service":""}]}`, "bilking", "; tokend list prints those that are"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/v1/services" {
					w.WriteHeader(tt.status)
					_, _ = fmt.Fprint(w, tt.list)
					return
				}
				w.WriteHeader(http.StatusNotFound)
				_, _ = fmt.Fprintf(w, `{"code":"unknown_service","service":%q,"detail":"none","status":404}`, tt.service)
			}))
			defer server.Close()
			var out, errs bytes.Buffer
			p := program{stdout: &out, stderr: &errs, getenv: func(string) string { return "" }}
			code := run(t.Context(), p, []string{"get", tt.service, "--addr", server.URL})
			if want := "tokend: unknown_service: none" + tt.want + "\n"; code != exitFailed || errs.String() != want || out.Len() > 0 {
				t.Errorf("exit code %d, stderr %q, want %q, stdout %q", code, &errs, want, &out)
			}
		})
	}
}

// A command that goes on asking wants to know that once.
func TestNamesAreLookedForOnce(t *testing.T) {
	listed := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/services" {
			listed++
		}
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprint(w, `{"code":"unknown_service","service":"erp","detail":"none","status":404}`)
	}))
	defer server.Close()
	n := &node{base: server.URL, client: server.Client()}
	for range 3 {
		if _, _, err := n.token(t.Context(), "erp", 0); err == nil {
			t.Error("there is a token")
		}
	}
	if listed != 1 {
		t.Errorf("services were listed %d times", listed)
	}
}

// Whoever may not open the socket need not look whether the node runs.
func TestASocketThatIsNotForThisUser(t *testing.T) {
	refused := &url.Error{Op: "Get", URL: "http://localhost/v1/services", Err: syscall.EACCES}
	for addr, want := range map[string]string{
		"unix:///run/tokend/tokend.sock": "this user may not open unix:///run/tokend/tokend.sock (permission denied); listen[].mode and group ",
		"http://127.0.0.1:7460":          "no node answers at http://127.0.0.1:7460 (permission denied)",
	} {
		code, detail := told((&node{addr: addr}).unreachable(t.Context(), refused))
		if code != "unavailable" || !strings.HasPrefix(detail, want) {
			t.Errorf("%s: %s: %s", addr, code, detail)
		}
	}
}

// A name of the node that it does not know is nothing that clients are granted.
func TestAHostThatIsRefusedIsNoMatterOfClients(t *testing.T) {
	refused := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/reload", http.NoBody)
	r.Host = "node.example"
	httpapi.Guard(http.NotFoundHandler(), nil).ServeHTTP(refused, r)
	n := &node{addr: "https://node.example"}
	err := n.refusal(t.Context(), refused.Result(), refused.Body.Bytes())
	for _, err := range []error{err, notReloaded(err)} {
		if code, detail := told(err); code != "denied" || !strings.HasSuffix(detail, "other names go into hosts in the configuration") {
			t.Errorf("%s: %s", code, detail)
		}
	}
	stranger := &httpapi.Problem{Code: httpapi.CodeDenied, Detail: "no client"}
	for want, err := range map[string]error{"no client; clients of": stranger, "no client; it takes": notReloaded(stranger)} {
		if _, detail := told(err); !strings.HasPrefix(detail, want) {
			t.Errorf("%q, want %q", detail, want)
		}
	}
}
