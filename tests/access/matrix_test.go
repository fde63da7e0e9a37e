package access

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"tokend/system/access"
)

// identity is a way to be somebody, and what that one may do.
type identity struct {
	name, kind string
	ask        func(t *testing.T, raw func(headers ...string) string) reply
	get, info  []string
}

func identities(n *node) []identity {
	user := func(uid uint32) func(*testing.T, func(...string) string) reply {
		return func(t *testing.T, raw func(...string) string) reply { return n.askAs(t, uid, uid, raw()) }
	}
	key := func(name string, door int) func(*testing.T, func(...string) string) reply {
		return func(t *testing.T, raw func(...string) string) reply {
			return n.ask(t, door, nil, raw(bearer(n.keys[name])))
		}
	}
	cert := func(c tls.Certificate) func(*testing.T, func(...string) string) reply {
		return func(t *testing.T, raw func(...string) string) reply { return n.ask(t, secure, &c, raw()) }
	}
	return []identity{
		{"user-billing", "uid", user(userOfBilling), []string{"billing"}, nil},
		{"user-erp", "uid", user(userOfERP), []string{"erp"}, []string{"erp"}},
		{"key-billing", "key", key("billing", local), []string{"billing"}, nil},
		{"key-crm", "key", key("crm", secure), []string{"crm"}, []string{"crm"}},
		{"cert-billing", "san", cert(n.pki.issue(dnsName("app.example"))), []string{"billing"}, nil},
		{"cert-erp", "san", cert(n.pki.issue(uris("spiffe://td/erp"))), []string{"erp"}, nil},
		{"cert-crm", "san", cert(n.pki.issue(subject("crm", "Acme"))), nil, []string{"crm"}},
		{"anybody", "listener", func(t *testing.T, raw func(...string) string) reply { return n.ask(t, open, nil, raw()) }, nil, []string{"billing"}},
	}
}

// TestEachGetsExactlyItsServices asks for everything there is, and for what there
// is not, as everybody.
func TestEachGetsExactlyItsServices(t *testing.T) {
	n := start(t, "")
	for _, who := range identities(n) {
		t.Run(who.name, func(t *testing.T) {
			if who.kind == "uid" {
				needRoot(t)
			}
			for _, service := range append(slices.Clone(services), "nothing") {
				n.check(t, who, "get", "/v1/token/", service, slices.Contains(who.get, service))
				n.check(t, who, "info", "/v1/services/", service, slices.Contains(who.info, service))
			}
		})
	}
}

// check asks once and holds answer and audit against what is granted.
func (n *node) check(t *testing.T, who identity, verb, prefix, service string, granted bool) {
	t.Helper()
	got := who.ask(t, func(headers ...string) string { return request("GET", prefix+service, headers...) })
	record := n.audited(t, 1)[0]
	want := access.Record{Client: who.name, Identity: access.Kind(who.kind), Verb: verb, Service: service, Decision: access.Refused, Code: "denied"}
	status := 403
	if granted {
		want.Decision, want.Code, status = access.Granted, "", 200
	}
	if verb == "get" && granted {
		want.Fingerprint, want.Generation = record.Fingerprint, 1
	}
	want.Time, want.From, want.Listener = record.Time, record.From, record.Listener
	if got.err != nil || got.status != status || record != want || record.From == "" || record.Listener == "" {
		t.Errorf("%s %s: status %d, %v\naudit %+v\nwant  %+v", verb, service, got.status, got.err, record, want)
	}
	if has := strings.Contains(got.body, "t0ken"); has != (granted && verb == "get") || granted && verb == "get" && len(record.Fingerprint) != 12 {
		t.Errorf("%s %s: the answer has a token: %v; fingerprint %q", verb, service, has, record.Fingerprint)
	}
}

// TestListsShowOnlyWhatIsGranted looks at everything that is about several services.
func TestListsShowOnlyWhatIsGranted(t *testing.T) {
	n := start(t, "")
	crm, billing := bearer(n.keys["crm"]), bearer(n.keys["billing"])
	tests := map[string]struct {
		door   int
		raw    string
		status int
		has    []string
		hasNot []string
	}{
		"a list":               {local, request("GET", "/v1/services", crm), 200, []string{`"crm"`}, []string{"billing", `"erp"`}},
		"a list of the door's": {open, request("GET", "/v1/services"), 200, []string{`"billing"`}, []string{"crm", `"erp"`}},
		"a batch": {
			local, post("/v1/tokens", `{"services":["billing","crm","erp","nothing"]}`, billing), 200,
			[]string{token("billing"), `"erp":{"type":"about:blank","title":"Forbidden","status":403,"detail":"erp: not granted to this client","code":"denied"`, `"nothing":{"type":"about:blank","title":"Forbidden"`},
			[]string{token("crm"), token("erp"), "unknown"},
		},
		"readiness, of somebody": {local, request("GET", "/readyz", crm), 200, []string{`{"ready":true,"services":[]}`}, nil},
		"readiness, of nobody":   {local, request("GET", "/readyz"), 200, []string{`{"ready":true,"services":[]}`}, nil},
		"health, of nobody":      {secure, request("GET", "/healthz"), 200, []string{`ok`}, nil},
		"health, with a bad key": {local, request("GET", "/healthz", bearer("tkd_x")), 200, []string{`ok`}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := n.ask(t, tt.door, nil, tt.raw)
			if got.err != nil || got.status != tt.status {
				t.Fatalf("status %d, %v: %s", got.status, got.err, got.body)
			}
			for _, text := range tt.has {
				if !strings.Contains(got.body, text) {
					t.Errorf("%q lacks %q", got.body, text)
				}
			}
			for _, text := range tt.hasNot {
				if strings.Contains(got.body, text) {
					t.Errorf("%q shows %q", got.body, text)
				}
			}
		})
	}
}

// TestABatchHasALineForEveryName, for that is where tokens go.
func TestABatchHasALineForEveryName(t *testing.T) {
	n := start(t, "")
	n.ask(t, local, nil, post("/v1/tokens", `{"services":["billing","crm","nothing"]}`, bearer(n.keys["billing"])))
	got := map[string]string{}
	for _, r := range n.audited(t, 3) {
		got[r.Service] = r.Client + " " + r.Verb + " " + r.Decision + " " + r.Code
		if (r.Fingerprint != "") != (r.Service == "billing") {
			t.Errorf("%s: fingerprint %q", r.Service, r.Fingerprint)
		}
	}
	for service, want := range map[string]string{
		"billing": "key-billing get granted ", "crm": "key-billing get refused denied", "nothing": "key-billing get refused denied",
	} {
		if got[service] != want {
			t.Errorf("%s: %q, want %q", service, got[service], want)
		}
	}
}
