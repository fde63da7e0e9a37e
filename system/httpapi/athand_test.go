package httpapi

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"tokend/messages"
	"tokend/system/access"
)

// athand is a keeper whose token is at hand, and that remembers where its value went.
type athand struct {
	*fakeKeeper
	value string
	went  *[]byte
}

func (a athand) AppendCached(dst []byte, service string, minTTL time.Duration) ([]byte, messages.Token, bool) {
	if service != "billing" || minTTL > time.Minute {
		return dst, messages.Token{}, false
	}
	*a.went = append(dst, a.value...)
	return *a.went, billing().WithValue(messages.Secret{}), true
}

func TestATokenAtHandIsWrittenAsAnyOther(t *testing.T) {
	now := func() time.Time { return noon }
	for name, value := range map[string]string{
		"usual":           "eyJhbGciOi.some-token_~+/=",
		"fills the place": strings.Repeat("a", usualAnswer-len(beginsToken)),
		"nearly fills it": strings.Repeat("b", usualAnswer-len(beginsToken)-40),
		"long":            strings.Repeat("c", maxPooled+1),
		"to be escaped":   `a"b\c` + "\n\x00<é",
		"not UTF-8":       "abc\xff\xfe",
	} {
		t.Run(name, func(t *testing.T) {
			want := TokenOf(billing().WithValue(messages.NewSecret(value)), noon).AppendJSON(nil)
			var went []byte
			h := New(athand{newFake(), value, &went}, Options{Now: now})
			for range 3 { // places are used again
				rec := call(t, h, "GET", "/v1/token/billing", "")
				if rec.Code != http.StatusOK || !bytes.Equal(rec.Body.Bytes(), want) {
					t.Fatalf("status %d: %.200s", rec.Code, rec.Body)
				}
				if bytes.Contains(went[:cap(went)], []byte(value)) {
					t.Error("the value stays where it was written")
				}
			}
		})
	}
}

func TestATokenThatIsNotAtHandIsAskedFor(t *testing.T) {
	var went []byte
	h := New(athand{newFake(), "at-hand", &went}, Options{})
	if rec := call(t, h, "GET", "/v1/token/billing?min_ttl=2m", ""); !strings.Contains(rec.Body.String(), secretValue) {
		t.Errorf("status %d: %s", rec.Code, rec.Body)
	}
	wantProblem(t, call(t, h, "GET", "/v1/token/nothing", ""), CodeUnknownService)
}

func TestATokenAtHandIsAudited(t *testing.T) {
	audit, went := &ledger{}, []byte(nil)
	shared := policyOf(t, 0, access.Client{Name: "a", Listener: "port", Grants: granting("get", "billing")})
	_, l := serveDoor(t, athand{newFake(), "at-hand", &went}, aPort, Options{Access: shared, Audit: audit}, DoorOptions{})
	if status, body := dialTest(t, l).get("/v1/token/billing"); status != http.StatusOK || !strings.Contains(body, `"at-hand"`) {
		t.Fatalf("status %d: %s", status, body)
	}
	wantDecision(t, audit.take(), true)
}
