package httpapi

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"tokend/messages"
	"tokend/system/access"
)

// late is a keeper whose token comes while the policy changes.
type late struct {
	*fakeKeeper
	meanwhile func()
}

func (l late) TokenMinTTL(ctx context.Context, service string, minTTL time.Duration) (messages.Token, error) {
	l.meanwhile()
	return l.fakeKeeper.TokenMinTTL(ctx, service, minTTL)
}

func (l late) TokensByName(ctx context.Context, minTTL time.Duration, services ...string) (map[string]messages.Token, map[string]error) {
	l.meanwhile()
	return l.fakeKeeper.TokensByName(ctx, minTTL, services...)
}

// TestAGrantThatEndsWhileACallerWaitsGivesNoToken looks at every way to a token, with
// and without an audit: they remember differently who asks.
func TestAGrantThatEndsWhileACallerWaitsGivesNoToken(t *testing.T) {
	client := func(listener, verb string, services ...string) access.Client {
		return access.Client{Name: "a", Listener: listener, Grants: granting(verb, services...)}
	}
	for name, now := range map[string]struct {
		client access.Client
		stays  bool
	}{
		"the grant stays":         {client("port", "get", "bill*"), true},
		"another service is left": {client("port", "get", "forever"), false},
		"another verb is left":    {client("port", "info", "billing"), false},
		"the client is gone":      {client("other", "get", "billing"), false},
	} {
		for _, line := range []string{"GET /v1/token/billing", "POST /v1/tokens", "GET /v1/authorize/billing"} {
			for _, audited := range []bool{false, true} {
				t.Run(name+", "+line, func(t *testing.T) {
					shared := policyOf(t, 0, client("port", "get", "billing"))
					next := policyOf(t, 0, now.client).Policy()
					opts := Options{Access: shared, Traffic: NewTraffic()}
					audit := &ledger{}
					if audited {
						opts.Audit = audit
					}
					_, l := serveDoor(t, late{newFake(), func() { shared.Replace(next) }}, aPort, opts, DoorOptions{})
					method, path, _ := strings.Cut(line, " ")
					send := ""
					if method == http.MethodPost {
						send = `{"services":["billing"]}`
					}
					status, body := dialTest(t, l).ask(method, path, send)
					wantNoMore(t, status, body, now.stays)
					if refusals := opts.Traffic.Refusals()["access"]; !strings.HasSuffix(path, "tokens") && (refusals == 0) != now.stays {
						t.Errorf("refusals: %d", refusals)
					}
					if audited {
						wantDecision(t, audit.take(), now.stays)
					}
				})
			}
		}
	}
}

// wantNoMore wants an answer with a token if the grant stays, else a refusal.
func wantNoMore(t *testing.T, status int, body string, stays bool) {
	t.Helper()
	switch {
	case stays && status != http.StatusOK, !stays && strings.Contains(body, "access_token"):
		t.Errorf("status %d: %s", status, body)
	case !stays && status != http.StatusForbidden && !strings.Contains(body, `"code":"denied"`):
		t.Errorf("no refusal, status %d: %s", status, body)
	}
}

func wantDecision(t *testing.T, records []access.Record, granted bool) {
	t.Helper()
	if len(records) != 1 || (records[0].Decision == access.Granted) != granted || (records[0].Fingerprint != "") != granted {
		t.Errorf("audited: %+v", records)
	}
}
