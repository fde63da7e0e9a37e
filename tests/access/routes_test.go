package access

import "testing"

// streams are attempts to hear of what happens to services without a grant to.
func streams(n *node) map[string]attack {
	attacks := map[string]attack{}
	billing, crm := bearer(n.keys["billing"]), bearer(n.keys["crm"])
	for name, target := range map[string]string{
		"all, with a grant of another verb": "/v1/events", "the service of that grant": "/v1/events?service=billing", "of nobody's": "/v1/events?service=nothing",
		"with an unknown parameter": "/v1/events?services=billing", "from the first event on": "/v1/events?after=0",
	} {
		attacks["stream: "+name] = attack{local, nil, request("GET", target, billing), 403, "denied", "key-billing"}
	}
	for name, target := range map[string]string{
		"another service": "/v1/events?service=billing", "one of two": "/v1/events?service=crm&service=erp", "the other of two": "/v1/events?service=erp&service=crm",
		"an unknown service": "/v1/events?service=nothing", "an escaped name": "/v1/events?service=%65rp",
	} {
		attacks["stream: "+name] = attack{local, nil, request("GET", target, crm), 403, "denied", "key-crm"}
	}
	attacks["stream: without a key"] = attack{local, nil, request("GET", "/v1/events"), 401, "unauthenticated", ""}
	attacks["stream: with a key in the query"] = attack{local, nil, request("GET", "/v1/events?access_token="+n.keys["crm"]), 401, "unauthenticated", ""}
	attacks["stream: where anybody may know"] = attack{open, nil, request("GET", "/v1/events?service=billing"), 403, "denied", "anybody"}
	attacks["stream: with an id of an event"] = attack{local, nil, request("GET", "/v1/events", billing, "Last-Event-ID: 1"), 403, "denied", "key-billing"}
	attacks["stream: from a page"] = attack{local, nil, request("GET", "/v1/events", crm, "Origin: http://evil.example"), 403, "denied", ""}
	attacks["stream: by HEAD"] = attack{local, nil, request("HEAD", "/v1/events", crm), 405, "method_not_allowed", "key-crm"}
	attacks["stream: by HTTP/1.0"] = attack{local, nil, "GET /v1/events HTTP/1.0\r\nHost: localhost\r\n" + billing + "\r\n\r\n", 403, "denied", "key-billing"}
	return attacks
}

// commands are attempts to have a token replaced or given up without a grant to. What
// is wrong with their bodies is told to nobody who may not.
func commands(n *node) map[string]attack {
	attacks := map[string]attack{}
	billing, crm := bearer(n.keys["billing"]), bearer(n.keys["crm"])
	for _, verb := range []string{"refresh", "invalidate"} {
		path := func(service string) string { return "/v1/services/" + service + "/" + verb }
		for name, a := range map[string]attack{
			"with a grant of another verb":   {local, nil, post(path("billing"), "", billing), 403, "denied", "key-billing"},
			"of another service":             {local, nil, post(path("erp"), "{}", crm), 403, "denied", "key-crm"},
			"of an unknown service":          {local, nil, post(path("nothing"), "", crm), 403, "denied", "key-crm"},
			"with a body that is none":       {local, nil, post(path("erp"), "{", crm), 403, "denied", "key-crm"},
			"with a body that does not come": {local, nil, request("POST", path("erp"), crm, "Content-Length: 7", "Expect: 100-continue"), 403, "denied", "key-crm"},
			"without a key":                  {local, nil, post(path("billing"), ""), 401, "unauthenticated", ""},
			"by GET":                         {local, nil, request("GET", path("crm"), crm), 405, "method_not_allowed", "key-crm"},
			"by another method in a header":  {local, nil, request("GET", path("crm"), crm, "X-HTTP-Method-Override: POST"), 405, "method_not_allowed", "key-crm"},
			"where anybody may know":         {open, nil, post(path("billing"), ""), 403, "denied", "anybody"},
			"with a climb":                   {local, nil, post("/v1/services/crm/../erp/"+verb, "", crm), 404, "not_found", "key-crm"},
			"with a slash at the end":        {local, nil, post(path("crm")+"/", "", crm), 404, "not_found", "key-crm"},
			"from a page":                    {local, nil, post(path("crm"), "", crm, "Origin: http://evil.example"), 403, "denied", ""},
		} {
			attacks[verb+": "+name] = a
		}
	}
	return attacks
}

// proxies are attempts at the route where a key is whoever's the proxy asks for.
func proxies(n *node) map[string]attack {
	attacks := map[string]attack{}
	billing := bearer(n.keys["billing"])
	for name, raw := range map[string]string{
		"with a key": request("GET", "/v1/authorize/billing", billing), "with the key of everything": request("GET", "/v1/authorize/crm", bearer(n.keys["crm"])),
		"without a key": request("GET", "/v1/authorize/billing"), "with a path": request("POST", "/v1/authorize/billing/orders", billing), "by HEAD": request("HEAD", "/v1/authorize/billing", billing),
		"of an unknown service": request("GET", "/v1/authorize/nothing", billing), "with a climb": request("GET", "/v1/authorize/billing/../../token/billing", billing),
		"with a method nobody knows": request("BREW", "/v1/authorize/billing", billing), "with a body": post("/v1/authorize/billing", "{", billing),
	} {
		attacks["authorize: "+name] = attack{local, nil, raw, 403, "denied", ""}
	}
	good := n.pki.issue(dnsName("app.example"))
	attacks["authorize: a certificate, another's service"] = attack{secure, &good, request("GET", "/v1/authorize/erp"), 403, "denied", "cert-billing"}
	attacks["authorize: another's key beside a certificate"] = attack{secure, &good, request("GET", "/v1/authorize/crm", bearer(n.keys["crm"])), 403, "denied", "cert-billing"}
	attacks["authorize: anybody"] = attack{open, nil, request("GET", "/v1/authorize/billing", billing), 403, "denied", "anybody"}
	attacks["authorize: from a page"] = attack{open, nil, request("GET", "/v1/authorize/billing", "Origin: null"), 403, "denied", ""}
	attacks["authorize: without a service"] = attack{local, nil, request("GET", "/v1/authorize/", billing), 404, "not_found", "key-billing"}
	return attacks
}

// observers are attempts to read the metrics, which name every service.
func observers(n *node) map[string]attack {
	billing, crm := bearer(n.keys["billing"]), bearer(n.keys["crm"])
	return map[string]attack{
		"metrics: without a key":              {local, nil, request("GET", "/metrics"), 401, "unauthenticated", ""},
		"metrics: with another verb":          {local, nil, request("GET", "/metrics", billing), 403, "denied", "key-billing"},
		"metrics: with everything on a few":   {local, nil, request("GET", "/metrics", crm), 403, "denied", "key-crm"},
		"metrics: anybody":                    {open, nil, request("GET", "/metrics"), 403, "denied", "anybody"},
		"metrics: root without a grant":       {socket, nil, request("GET", "/metrics"), 403, "denied", ""},
		"metrics: a path below":               {local, nil, request("GET", "/metrics/", billing), 404, "not_found", "key-billing"},
		"metrics: by POST":                    {local, nil, post("/metrics", "", billing), 405, "method_not_allowed", "key-billing"},
		"description: from a page":            {local, nil, request("GET", "/v1/openapi.yaml", "Origin: http://evil.example"), 403, "denied", ""},
		"description: by POST, without a key": {local, nil, post("/v1/openapi.yaml", ""), 405, "method_not_allowed", ""},
		"description: another, without a key": {local, nil, request("GET", "/v1/openapi.json"), 401, "unauthenticated", ""},
	}
}

// TestADeniedCommandDoesNothing compares what the node keeps before and after.
func TestADeniedCommandDoesNothing(t *testing.T) {
	n := start(t, "")
	crm := bearer(n.keys["crm"])
	before := n.ask(t, local, nil, request("GET", "/v1/services/crm", crm))
	for _, verb := range []string{"refresh", "invalidate"} {
		for _, key := range []string{bearer(n.keys["billing"]), "X: y"} {
			if got := n.ask(t, local, nil, post("/v1/services/crm/"+verb, "", key)); got.status != 403 && got.status != 401 {
				t.Errorf("%s: status %d", verb, got.status)
			}
		}
	}
	if after := n.ask(t, local, nil, request("GET", "/v1/services/crm", crm)); before.status != 200 || after.body != before.body {
		t.Errorf("before %s\nafter  %s", before.body, after.body)
	}
}
