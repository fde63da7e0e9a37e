package access

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"tokend/system/access"
)

// attack is an attempt to get more than what is granted.
type attack struct {
	door   int
	cert   *tls.Certificate
	raw    string
	status int    // 0: no answer, for the handshake fails
	code   string // of the answer and of the audit
	client string // whom the audit names
}

// TestNobodyGetsMore makes every attempt, and looks for the refusal in the answer
// and in the audit, and for no token anywhere.
func TestNobodyGetsMore(t *testing.T) {
	n := start(t, "")
	all := []map[string]attack{nearMisses(n), otherPlaces(n), deniedNames(n), pathTricks(n), wrongMethods(n), smuggled(n), fromPages(n), certificates(n), throughOthers(n), streams(n), commands(n), proxies(n), observers(n)}
	attempts := 0
	for _, attacks := range all {
		for name, a := range attacks {
			attempts++
			t.Run(name, func(t *testing.T) { n.mustRefuse(t, a) })
		}
	}
	if attempts < 150 {
		t.Errorf("only %d attempts", attempts)
	}
	n.mustCount(t)
}

func (n *node) mustRefuse(t *testing.T, a attack) {
	t.Helper()
	got := n.ask(t, a.door, a.cert, a.raw)
	if got.status != a.status || a.status != 0 && !strings.Contains(got.body, `"code":"`+a.code+`"`) && !strings.HasPrefix(a.raw, "HEAD") {
		t.Errorf("status %d, %v: %s", got.status, got.err, got.body)
	}
	if strings.Contains(got.body, "t0ken") {
		t.Errorf("a token in %s", got.body)
	}
	if (got.status == 401) != (got.header.Get("WWW-Authenticate") == "Bearer") {
		t.Errorf("WWW-Authenticate: %q with %d", got.header.Get("WWW-Authenticate"), got.status)
	}
	n.mustTell(t, a)
}

// toldAlone is how many refusals that are alike have a line each within a minute.
const toldAlone = 10

// mustTell looks for the refusal in the audit: in a line of its own, unless there were
// many like it.
func (n *node) mustTell(t *testing.T, a attack) {
	t.Helper()
	records := n.refusals(t)
	alike := func(r access.Record) bool { return r.Client == a.client && r.Code == a.code }
	if before := count(n.told, alike); len(records) == 0 && before >= toldAlone {
		n.counted++
		return
	}
	if len(records) != 1 {
		t.Fatalf("audit %+v", records)
	}
	r := records[0]
	n.told = append(n.told, r)
	if r.Decision != access.Refused || r.Code != a.code || r.Client != a.client || r.Fingerprint != "" || r.Generation != 0 || r.From == "" || r.Listener == "" || r.Time.IsZero() {
		t.Errorf("audit %+v", r)
	}
}

// refusals returns the lines that the audit has got since it was asked last, up to one
// about a request that is granted.
func (n *node) refusals(t *testing.T) (records []access.Record) {
	t.Helper()
	if got := n.ask(t, local, nil, request("GET", "/v1/token/billing", bearer(n.keys["billing"]))); got.status != 200 {
		t.Fatalf("status %d, %v", got.status, got.err)
	}
	for {
		records = append(records, n.audited(t, 1)...)
		if last := len(records) - 1; records[last].Decision == access.Granted {
			return records[:last]
		}
	}
}

func count(records []access.Record, holds func(access.Record) bool) (n int) {
	for _, r := range records {
		if holds(r) {
			n++
		}
	}
	return n
}

// mustCount ends the node, which tells of the refusals that had no line.
func (n *node) mustCount(t *testing.T) {
	t.Helper()
	n.stop()
	counted := uint64(0)
	for _, r := range n.audited(t, 1) {
		counted += r.Repeated
	}
	if counted != n.counted || counted == 0 {
		t.Errorf("the audit counts %d refusals, want %d", counted, n.counted)
	}
}

// nearMisses are keys that are almost one.
func nearMisses(n *node) map[string]attack {
	key, other := n.keys["billing"], n.keys["crm"]
	swap := func(i int) string {
		c := byte('A')
		if key[i] == c {
			c = 'B'
		}
		return key[:i] + string(c) + key[i+1:]
	}
	headers := map[string][]string{
		"no key": nil, "an empty header": {"Authorization:"}, "an empty key": {"Authorization: Bearer"}, "only a space": {"Authorization: Bearer  "},
		"the key alone": {"Authorization: " + key}, "Basic with the key": {"Authorization: Basic " + key}, "Token with the key": {"Authorization: Token " + key},
		"the first character off": {bearer(swap(4))}, "the last character off": {bearer(key[:46] + "!")}, "one in the middle off": {bearer(swap(20))},
		"cut short": {bearer(key[:46])}, "one more": {bearer(key + "A")}, "padded": {bearer(key + "=")}, "in capitals": {bearer(strings.ToUpper(key))},
		"another prefix": {bearer("tke_" + key[4:])}, "no prefix": {bearer(key[4:])}, "half of each": {bearer(key[:25] + other[25:])},
		"both, with a comma": {bearer(key + ", Bearer " + other)}, "two spaces": {"Authorization: Bearer  " + key}, "a tab": {"Authorization: Bearer\t" + key},
		"quotes around it": {bearer(`"` + key + `"`)}, "two headers": {bearer(key), bearer(key)}, "a good and a bad one": {bearer(key), bearer("tkd_x")},
		"a bad and a good one": {bearer("tkd_x"), bearer(key)}, "a very long one": {bearer(strings.Repeat(key, 50))}, "a hash": {bearer("sha256:" + strings.Repeat("0", 64))},
	}
	attacks := map[string]attack{}
	for name, h := range headers {
		attacks["key: "+name] = attack{local, nil, request("GET", "/v1/token/billing", h...), 401, "unauthenticated", ""}
	}
	return attacks
}

// otherPlaces are where keys and names do not count.
func otherPlaces(n *node) map[string]attack {
	key := n.keys["billing"]
	attacks := map[string]attack{}
	for name, h := range map[string]string{
		"a cookie": "Cookie: key=" + key, "a header of its own": "X-Api-Key: " + key, "the proxy's header": "Proxy-Authorization: Bearer " + key,
		"a forwarded header": "X-Forwarded-Authorization: Bearer " + key, "a user's name": "X-Remote-User: root", "a nearer address": "X-Forwarded-For: 127.0.0.1",
		"a forwarded subject": "X-SSL-Client-S-DN: CN=crm,O=Acme", "a forwarded certificate": "X-Forwarded-Client-Cert: Subject=\"CN=crm,O=Acme\";URI=spiffe://td/erp",
		"a header that looks like it": "Authorization_: Bearer " + key, "an upgrade": "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
	} {
		attacks["place: "+name] = attack{local, nil, request("GET", "/v1/token/billing", h), 401, "unauthenticated", ""}
	}
	attacks["place: the query"] = attack{local, nil, request("GET", "/v1/token/billing?access_token="+key), 401, "unauthenticated", ""}
	attacks["place: the body"] = attack{local, nil, post("/v1/tokens", `{"services":["billing"],"key":"`+key+`"}`), 401, "unauthenticated", ""}
	attacks["place: no path that there is"] = attack{local, nil, request("GET", "/admin"), 401, "unauthenticated", ""}
	attacks["place: an unauthenticated method"] = attack{local, nil, request("PUT", "/v1/token/billing"), 401, "unauthenticated", ""}
	return attacks
}

// deniedNames are services and verbs that the key has no grant on, known or not.
func deniedNames(n *node) map[string]attack {
	attacks := map[string]attack{}
	for name, target := range map[string]string{
		"another service": "/v1/token/erp", "an unknown one": "/v1/token/nothing", "another verb": "/v1/services/billing", "the list": "/v1/services",
		"one in capitals": "/v1/token/BILLING", "a longer one": "/v1/token/billing2",
		"a shorter one": "/v1/token/billin", "an escaped space after it": "/v1/token/billing%20", "a zero byte after it": "/v1/token/billing%00",
		"a semicolon": "/v1/token/erp;billing", "a comma": "/v1/token/billing,erp", "a query in it": "/v1/token/erp%3Fbilling",
		"a full-width letter": "/v1/token/%EF%BD%82illing", "a very long one": "/v1/token/" + strings.Repeat("b", 4000),
		"another, with a wait": "/v1/token/erp?wait=1ms", "another, with a wrong query": "/v1/token/erp?wait=x&wait=y",
	} {
		attacks["name: "+name] = attack{local, nil, request("GET", target, bearer(n.keys["billing"])), 403, "denied", "key-billing"}
	}
	attacks["name: by HEAD"] = attack{local, nil, request("HEAD", "/v1/token/erp", bearer(n.keys["billing"])), 403, "denied", "key-billing"}
	attacks["name: by HTTP/1.0"] = attack{local, nil, strings.Replace(request("GET", "/v1/token/erp", bearer(n.keys["billing"])), "HTTP/1.1", "HTTP/1.0", 1), 403, "denied", "key-billing"}
	return attacks
}

// pathTricks are paths that another program might take for a granted one.
func pathTricks(n *node) map[string]attack {
	attacks := map[string]attack{}
	for name, target := range map[string]string{
		"a climb": "/v1/token/billing/../erp", "an escaped climb": "/v1/token/billing%2f..%2ferp", "an escaped letter": "/v1/token/%65rp", "a double slash": "/v1//token/erp",
		"slashes in front": "//v1/token/erp", "a dot": "/v1/token/./erp", "a slash at the end": "/v1/token/erp/", "a prefix in capitals": "/V1/token/erp", "an escaped prefix": "/v1%2ftoken/erp",
		"no name": "/v1/token/", "two names": "/v1/token/billing/erp", "an escaped dot": "/v1/token/%2e%2e/erp", "twice escaped": "/v1/token/billing/%252e%252e/erp", "of the system": "/../../etc/passwd",
		"a star": "/v1/token/*", "a star in it": "/v1/token/bill*", "a line break": "/v1/token/billing%0a", "a backslash climb": "/v1/token/billing%5c..%5cerp",
	} {
		attacks["path: "+name] = attack{local, nil, request("GET", target, bearer(n.keys["billing"])), 404, "not_found", "key-billing"}
	}
	return attacks
}

func wrongMethods(n *node) map[string]attack {
	attacks := map[string]attack{}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get"} {
		attacks["method: "+method] = attack{local, nil, request(method, "/v1/token/billing", bearer(n.keys["billing"])), 405, "method_not_allowed", "key-billing"}
	}
	attacks["method: a batch by GET"] = attack{local, nil, request("GET", "/v1/tokens", bearer(n.keys["billing"])), 405, "method_not_allowed", "key-billing"}
	return attacks
}

// smuggled are requests that say in a second way what they ask for.
func smuggled(n *node) map[string]attack {
	attacks := map[string]attack{}
	for name, header := range map[string]string{
		"another URL": "X-Original-URL: /v1/token/billing", "a rewritten URL": "X-Rewrite-URL: /v1/token/billing", "another method": "X-HTTP-Method-Override: POST",
		"a forwarded path": "X-Forwarded-Uri: /v1/token/billing", "a hop that ends": "Connection: authorization", "a forwarded host": "X-Forwarded-Host: 127.0.0.1",
	} {
		attacks["smuggled: "+name] = attack{local, nil, request("GET", "/v1/token/erp", bearer(n.keys["billing"]), header), 403, "denied", "key-billing"}
	}
	return attacks
}

// fromPages are requests as a web page or a rebound name makes them.
func fromPages(n *node) map[string]attack {
	key := bearer(n.keys["billing"])
	host := func(host string) string {
		return "GET /v1/token/billing HTTP/1.1\r\nHost: " + host + "\r\n" + key + "\r\n\r\n"
	}
	return map[string]attack{
		"page: an origin":          {local, nil, request("GET", "/v1/token/billing", key, "Origin: http://evil.example"), 403, "denied", ""},
		"page: an origin, by TLS":  {secure, nil, request("GET", "/v1/token/billing", key, "Origin: null"), 403, "denied", ""},
		"page: another host":       {local, nil, host("evil.example"), 403, "denied", ""},
		"page: nearly localhost":   {local, nil, host("localhost.evil.example"), 403, "denied", ""},
		"page: a host, by TLS":     {secure, nil, host("evil.example"), 403, "denied", ""},
		"page: a host in the path": {local, nil, request("GET", "http://evil.example/v1/token/billing", key), 403, "denied", ""},
		"page: health":             {open, nil, request("GET", "/healthz", "Origin: http://evil.example"), 403, "denied", ""},
	}
}

// certificates are those that prove nothing, or something else.
func certificates(n *node) map[string]attack {
	foreign := newCA(n.pki.t)
	ask := request("GET", "/v1/token/billing")
	app := dnsName("app.example")
	bad := map[string]tls.Certificate{
		"expired":       n.pki.issue(func(c *x509.Certificate) { app(c); c.NotAfter = time.Now().Add(-time.Minute) }),
		"not yet":       n.pki.issue(func(c *x509.Certificate) { app(c); c.NotBefore = time.Now().Add(time.Hour) }),
		"of another CA": foreign.issue(app), "for servers": n.pki.issue(func(c *x509.Certificate) {
			app(c)
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}),
	}
	attacks := map[string]attack{}
	for name, cert := range bad {
		attacks["certificate: "+name] = attack{secure, &cert, ask, 0, "unauthenticated", ""}
	}
	unknown := map[string]tls.Certificate{
		"a wildcard": n.pki.issue(dnsName("*.example")), "a subdomain": n.pki.issue(dnsName("x.app.example")), "a name as subject": n.pki.issue(subject("app.example")),
		"a SPIFFE ID below": n.pki.issue(uris("spiffe://td/erp/x")), "of another domain": n.pki.issue(uris("spiffe://other/erp")), "two SPIFFE IDs": n.pki.issue(uris("spiffe://td/erp", "spiffe://td/x")),
		"another organization": n.pki.issue(subject("crm", "Acme2")), "no organization": n.pki.issue(subject("crm")), "a comma in the name": n.pki.issue(subject("crm,O=Acme")),
		"two organizations": n.pki.issue(subject("crm", "Acme", "Acme")), "nameless": n.pki.issue(func(*x509.Certificate) {}),
	}
	for name, cert := range unknown {
		attacks["certificate: "+name] = attack{secure, &cert, ask, 401, "unauthenticated", ""}
	}
	good := n.pki.issue(app)
	attacks["certificate: none"] = attack{secure, nil, ask, 401, "unauthenticated", ""}
	attacks["certificate: another's service"] = attack{secure, &good, request("GET", "/v1/token/erp"), 403, "denied", "cert-billing"}
	attacks["certificate: another's verb"] = attack{secure, &good, request("GET", "/v1/services/billing"), 403, "denied", "cert-billing"}
	attacks["certificate: a bad key beside it"] = attack{secure, &good, request("GET", "/v1/token/billing", bearer("tkd_x")), 401, "unauthenticated", ""}
	return attacks
}

// throughOthers are attempts at the doors where no key is needed, or none counts.
func throughOthers(n *node) map[string]attack {
	return map[string]attack{
		"socket: root without a grant": {socket, nil, request("GET", "/v1/token/billing"), 403, "denied", ""},
		"socket: a key":                {socket, nil, request("GET", "/v1/token/billing", bearer(n.keys["billing"])), 403, "denied", ""},
		"socket: a user in a header":   {socket, nil, request("GET", "/v1/token/billing", "X-Remote-User: 65001"), 403, "denied", ""},
		"open: a token":                {open, nil, request("GET", "/v1/token/billing"), 403, "denied", "anybody"},
		"open: another service":        {open, nil, request("GET", "/v1/services/erp"), 403, "denied", "anybody"},
		"open: an unknown service":     {open, nil, request("GET", "/v1/services/nothing"), 403, "denied", "anybody"},
		"open: a bad key":              {open, nil, request("GET", "/v1/services/billing", bearer("tkd_x")), 401, "unauthenticated", ""},
	}
}

func TestUsersGetNoMore(t *testing.T) {
	needRoot(t)
	n := start(t, "")
	for name, tt := range map[string]struct {
		uid, gid uint32
		target   string
		client   string
	}{
		"a user without a grant":              {userOfNothing, userOfNothing, "/v1/token/billing", ""},
		"a user in the group of another":      {userOfNothing, userOfBilling, "/v1/token/billing", ""},
		"a user with the number as a group":   {userOfNothing, userOfERP, "/v1/token/erp", ""},
		"a user, another's service":           {userOfBilling, userOfBilling, "/v1/token/erp", "user-billing"},
		"a user, an unknown service":          {userOfBilling, userOfBilling, "/v1/token/nothing", "user-billing"},
		"a user, a name that begins the same": {userOfERP, userOfERP, "/v1/token/e", "user-erp"},
	} {
		t.Run(name, func(t *testing.T) {
			got := n.askAs(t, tt.uid, tt.gid, request("GET", tt.target, bearer(n.keys["billing"])))
			r := n.audited(t, 1)[0]
			if got.status != 403 || strings.Contains(got.body, "t0ken") || r.Decision != access.Refused || r.Code != "denied" || r.Client != tt.client {
				t.Errorf("status %d: %s\naudit %+v", got.status, got.body, r)
			}
		})
	}
}

// TestRefusalsTellNothing compares what a caller is told of services that there are
// and of those that there are not, and of keys that are nearly right and far from it.
func TestRefusalsTellNothing(t *testing.T) {
	n := start(t, "")
	same := func(name string, a, b reply, from, to string) {
		if a.status != b.status || strings.ReplaceAll(a.body, from, to) != b.body || len(a.header) != len(b.header) {
			t.Errorf("%s: %d %s\nbut %d %s", name, a.status, a.body, b.status, b.body)
		}
	}
	key := bearer(n.keys["billing"])
	for _, path := range []string{"/v1/token/", "/v1/services/"} {
		same(path, n.ask(t, local, nil, request("GET", path+"erp", key)), n.ask(t, local, nil, request("GET", path+"err", key)), "erp", "err")
	}
	batch := func(name string) reply {
		return n.ask(t, local, nil, post("/v1/tokens", `{"services":["`+name+`"]}`, key))
	}
	same("a batch", batch("erp"), batch("err"), "erp", "err")
	near := n.ask(t, local, nil, request("GET", "/v1/token/billing", bearer(n.keys["billing"][:46]+"!")))
	same("a far key", near, n.ask(t, local, nil, request("GET", "/v1/token/billing", bearer("x"))), "", "")
	same("no key", near, n.ask(t, local, nil, request("GET", "/v1/token/nothing")), "", "")
}

// TestASecondRequestInTheFirstIsOneOfItsOwn hides a request in the body of another,
// and sends two lengths.
func TestASecondRequestInTheFirstIsOneOfItsOwn(t *testing.T) {
	n := start(t, "")
	key := bearer(n.keys["billing"])
	hidden := request("GET", "/v1/token/billing")
	first := request("POST", "/v1/tokens", key, "Transfer-Encoding: chunked", "Content-Length: 4") + "19\r\n{\"services\":[\"billing\"]} \r\n0\r\n\r\n"
	got := n.ask(t, local, nil, first+hidden)
	if got.status != 200 && got.status != 400 {
		t.Errorf("status %d: %s", got.status, got.body)
	}
	for _, r := range n.audited(t, 1) {
		if r.Client == "" && r.Decision != access.Refused {
			t.Errorf("audit %+v", r)
		}
	}
	if got := n.ask(t, local, nil, hidden); got.status != 401 {
		t.Errorf("status %d", got.status)
	}
}
