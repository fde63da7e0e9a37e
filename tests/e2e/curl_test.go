package e2e

import (
	"encoding/json"
	"path/filepath"
	"testing"
)

func TestCurlTakesTheTokenFromEveryDoor(t *testing.T) {
	t.Parallel()
	need(t, "curl")
	need(t, "bash")
	idp := newIdP(t)
	n := serve(t, idp, service("billing", 60, "    sinks: [{path: DIR/header, format: header}]\n"), "")
	api := idp.upstream(t, "invoices").URL
	for name, line := range map[string]string{
		"a file of headers":         "curl -sSf -H @" + filepath.Join(n.dir, "header") + " " + api,
		"netrc":                     "curl -sSf --netrc-file <(tokend get billing --output netrc --machine 127.0.0.1) " + api,
		"a header of tokend":        `tokend get billing --output header | curl -sSf -H @- ` + api,
		"a header at a descriptor":  `curl -sSf -H @<(tokend get billing --output header) ` + api,
		"a file of tokend exec":     `tokend exec --file --output header H=billing -- sh -c 'curl -sSf -H @"$H" ` + api + `'`,
		"a variable of tokend exec": `tokend exec billing -- sh -c 'printf "Authorization: Bearer %s\n" "$TOKEND_TOKEN_BILLING" | curl -sSf -H @- ` + api + `'`,
	} {
		if got := n.must(t, line); got != "invoices" {
			t.Errorf("%s: %q", name, got)
		}
	}
	var token struct {
		Value string `json:"access_token"`
	}
	said := n.must(t, "curl -sSf --unix-socket "+n.socket+" http://localhost/v1/token/billing")
	if err := json.Unmarshal([]byte(said), &token); err != nil || !idp.lives(token.Value) {
		t.Errorf("%v, by the socket no living token comes", err)
	}
	if taken, refused := idp.counts(); taken != 1 || refused != 0 {
		t.Errorf("%d tokens were accepted, %d requests refused", taken, refused)
	}
}
