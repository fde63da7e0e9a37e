package provider

import (
	"encoding/base64"
	"testing"

	"tokend/messages"
)

func TestWordsAreNotCutOutOfLongerOnes(t *testing.T) {
	withheld := "description " + holdsSecret
	for name, c := range map[string]struct{ literal, text, want string }{
		"within a word":                {"test", "the latest attestation", "the latest attestation"},
		"at the head of one":           {"admin", "administrator is locked", "administrator is locked"},
		"at the end of one":            {"word", "wrong password", "wrong password"},
		"within a code":                {"grant", "invalid_grant", "invalid_grant"},
		"with digits":                  {"v2api", "xv2apix", "xv2apix"},
		"by itself":                    {"test", "no test here", "no [redacted] here"},
		"in capitals":                  {"test", "no TEST here", "no [redacted] here"},
		"in quotes":                    {"test", `"test", test=test;`, `"[redacted]", [redacted]=[redacted];`},
		"beside one that holds it":     {"test", "latest test", "latest [redacted]"},
		"encoded":                      {"test", "%74%65%73%74", withheld},
		"in base64":                    {"testing", "got " + base64.StdEncoding.EncodeToString([]byte("u:testing")), withheld},
		"a long word is no word":       {"correcthorse", "xcorrecthorsex", "x[redacted]x"},
		"a word with other characters": {"p-test", "xp-testx", "x[redacted]x"},
		"digits and letters, longer":   {"hunter22", "xhunter22x", "x[redacted]x"},
	} {
		t.Run(name, func(t *testing.T) {
			var s secrets
			s.addLiteral(c.literal)
			if got := s.show(c.text, maxDescription); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWhoAsksMayBeTold(t *testing.T) {
	const said = "user probe-01 of acme-corp is locked"
	xml := `{"login":"probe-01","password":"open sesame"}`
	form := "email=probe-01&password=open+sesame"
	for name, c := range map[string]struct {
		request HTTPRequest
		query   string
		want    string
	}{
		"in JSON":            {HTTPRequest{JSON: map[string]any{"user": "probe-01", "tenant": "acme-corp"}}, "", "user probe-01 of [redacted] is locked"},
		"under another name": {HTTPRequest{JSON: map[string]any{"pin": "probe-01", "account": "acme-corp"}}, "", "user [redacted] of acme-corp is locked"},
		"deep in JSON":       {HTTPRequest{JSON: map[string]any{"a": []any{map[string]any{"User-Name": "probe-01"}}}}, "", said},
		"in a list":          {HTTPRequest{JSON: map[string]any{"login": []any{"probe-01"}}}, "", said},
		"below such a name":  {HTTPRequest{JSON: map[string]any{"user": map[string]any{"key": "probe-01"}}}, "", "user [redacted] of acme-corp is locked"},
		"in a form":          {HTTPRequest{Form: map[string]string{"email": "probe-01"}}, "", said},
		"in a query":         {HTTPRequest{Query: map[string]string{"USERNAME": "probe-01"}}, "", said},
		"in the URL":         {HTTPRequest{}, "?user=probe-01", said},
		"in a body of JSON":  {HTTPRequest{Body: &xml}, "", said},
		"in a body, a form":  {HTTPRequest{Body: &form}, "", said},
		"by a reference":     {HTTPRequest{JSON: map[string]any{"user": "probe-01"}, Secrets: []messages.Secret{messages.NewSecret("probe-01")}}, "", "user [redacted] of acme-corp is locked"},
		"a password as well": {HTTPRequest{JSON: map[string]any{"user": "probe-01", "password": "probe-01"}}, "", "user [redacted] of acme-corp is locked"},
	} {
		t.Run(name, func(t *testing.T) {
			c.request.URL = serve(t, says(401, asJSON(map[string]any{"message": said}))).URL + "/login" + c.query
			l := loginTo(t, c.request.URL, Response{Token: "token"})
			l.Request = func() (HTTPRequest, error) { return c.request, nil }
			wantFailure(t, failure(t, mustLogin(t, l)), messages.ClassRejected, "401 unauthorized: "+c.want)
		})
	}
}
