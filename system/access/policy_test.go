package access

import (
	"strings"
	"testing"
	"time"

	"tokend/messages"
)

func grants(verbs string, services ...string) []Grant {
	return []Grant{{Services: services, Verbs: strings.Split(verbs, ",")}}
}

// key returns a key and its hash.
func key() (string, string) {
	secret, hash := NewKey()
	return secret.Reveal(), hash
}

func policy(t testing.TB, clients ...Client) *Policy {
	t.Helper()
	p, err := New(clients, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWhatIsNotGrantedIsDenied(t *testing.T) {
	p := policy(t,
		Client{Name: "app", UID: new(uint32(1000)), Grants: []Grant{
			{Services: []string{"billing", "erp-*"}, Verbs: []string{"get", "info"}},
			{Services: []string{"a?c"}, Verbs: []string{"refresh"}},
		}},
		Client{Name: "staff", GID: new(uint32(50)), Grants: grants("watch", "*")},
		Client{Name: "root", UID: new(uint32(0)), Grants: grants("admin", "*")},
		Client{Name: "chief", UID: new(uint32(7)), Grants: grants("admin", "billing")},
		Client{Name: "prometheus", Listener: "scrape", Grants: grants("metrics")},
	)
	app, staff := Identity{Peer: &Peer{UID: 1000, GID: 50}}, Identity{Peer: &Peer{UID: 1, GID: 50}}
	root, chief := Identity{Peer: &Peer{}}, Identity{Peer: &Peer{UID: 7, GID: 7}}
	tests := map[string]struct {
		who     Identity
		verb    Verb
		service string
		want    bool
	}{
		"a service by name":                      {app, Get, "billing", true},
		"another verb of it":                     {app, Info, "billing", true},
		"a verb that is not granted":             {app, Refresh, "billing", false},
		"a service of a glob":                    {app, Get, "erp-eu", true},
		"a glob's own beginning":                 {app, Get, "erp-", true},
		"less than a glob":                       {app, Get, "erp", false},
		"a service that begins like a granted":   {app, Get, "billing2", false},
		"a service that ends like a granted":     {app, Get, "xbilling", false},
		"one character":                          {app, Refresh, "abc", true},
		"two for one":                            {app, Refresh, "abbc", false},
		"no name":                                {app, Get, "", false},
		"a grant of the group":                   {app, Watch, "anything", true},
		"the group's alone":                      {staff, Watch, "billing", true},
		"not the user's":                         {staff, Get, "billing", false},
		"everything":                             {root, Invalidate, "billing", true},
		"metrics, as admin of everything":        {root, Metrics, "", true},
		"reload, as admin of everything":         {root, Reload, "", true},
		"reload, as admin of one":                {chief, Reload, "", false},
		"reload of its name, as admin of one":    {chief, Reload, "billing", false},
		"reload by who has everything else":      {Identity{Listener: "scrape"}, Reload, "", false},
		"metrics, as admin of one":               {chief, Metrics, "", false},
		"metrics of its name, as admin of one":   {chief, Metrics, "billing", false},
		"invalidate, as admin of one":            {chief, Invalidate, "billing", true},
		"another's, as admin of one":             {chief, Get, "erp", false},
		"metrics by the listener":                {Identity{Listener: "scrape"}, Metrics, "", true},
		"a token by the listener":                {Identity{Listener: "scrape"}, Get, "billing", false},
		"through another listener":               {Identity{Listener: "scrape2"}, Metrics, "", false},
		"nobody":                                 {Identity{}, Get, "billing", false},
		"another user":                           {Identity{Peer: &Peer{UID: 1001, GID: 1001}}, Get, "billing", false},
		"a user whose number is a granted group": {Identity{Peer: &Peer{UID: 50, GID: 9}}, Watch, "billing", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := p.Match(tt.who).Caller().May(tt.verb, tt.service); got != tt.want {
				t.Errorf("may: %v", got)
			}
		})
	}
}

func TestKeysAreKnownByTheirHash(t *testing.T) {
	good, hash := key()
	other, otherHash := key()
	p := policy(t,
		Client{Name: "ci", KeyHash: hash, Grants: grants("get", "billing")},
		Client{Name: "cd", KeyHash: otherHash, Grants: grants("get", "erp")},
		Client{Name: "anyone", Listener: "tcp", Grants: grants("info", "*")},
	)
	party := p.Match(Identity{Listener: "tcp"})
	caller, ok := party.WithKey(good)
	if !ok || !caller.May(Get, "billing") || caller.May(Get, "erp") || !caller.May(Info, "erp") {
		t.Errorf("the key's grants: %v %+v", ok, caller)
	}
	if caller, ok := party.WithKey(other); !ok || caller.May(Get, "billing") || !caller.May(Get, "erp") {
		t.Error("the other key has not its own grants")
	}
	swapped := "A"
	if good[10] == 'A' {
		swapped = "B"
	}
	wrong := map[string]string{
		"nothing": "", "cut short": good[:len(good)-1], "too long": good + "A", "its hash": hash,
		"without its prefix": good[4:], "another prefix": "TKD_" + good[4:], "a space before": " " + good[:len(good)-1],
		"one character off": good[:10] + swapped + good[11:], "the last one off": good[:46] + "!",
		"very long": strings.Repeat(good, 100), "padded": good[:len(good)-1] + "=", "with a zero at its end": good + "\x00",
	}
	for name, text := range wrong {
		caller, ok := party.WithKey(text)
		if ok || caller.Known() || caller.May(Info, "erp") {
			t.Errorf("%s: taken for a key, or for the listener", name)
		}
	}
}

func TestAPasswordIsNoKey(t *testing.T) {
	// What somebody may have hashed by hand: SHA-256 of "password".
	p := policy(t, Client{Name: "weak", KeyHash: "sha256:5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8", Grants: grants("get", "*")})
	if _, ok := p.Match(Identity{}).WithKey("password"); ok {
		t.Error("taken")
	}
}

func TestNewKeysAreLongAndDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		text, hash := key()
		if !isKey(text) || seen[text] || !strings.HasPrefix(hash, "sha256:") || strings.Contains(hash, text) {
			t.Fatalf("a key of %d characters, hash %s", len(text), hash)
		}
		if _, err := parseHash(hash); err != nil {
			t.Fatal(err)
		}
		seen[text] = true
	}
	if secret, _ := NewKey(); secret.String() != messages.Redacted {
		t.Error("a key prints")
	}
}

func TestWrongClientsAreRefused(t *testing.T) {
	_, hash := key()
	get := grants("get", "billing")
	one := Client{Name: "a", UID: new(uint32(1)), Grants: get}
	tests := map[string]struct {
		clients []Client
		want    string
	}{
		"no name":                 {[]Client{{UID: new(uint32(1)), Grants: get}}, "a name of its own"},
		"the same name":           {[]Client{one, {Name: "a", UID: new(uint32(2)), Grants: get}}, "a name of its own"},
		"no identity":             {[]Client{{Name: "a", Grants: get}}, "exactly one of"},
		"two identities":          {[]Client{{Name: "a", UID: new(uint32(1)), KeyHash: hash, Grants: get}}, "exactly one of"},
		"the same user":           {[]Client{one, {Name: "b", UID: new(uint32(1)), Grants: get}}, "client a has the same uid"},
		"the same key":            {[]Client{{Name: "a", KeyHash: hash, Grants: get}, {Name: "b", KeyHash: hash, Grants: get}}, "client a has the same key"},
		"the same SPIFFE ID":      {[]Client{{Name: "a", SAN: "spiffe://x/y", Grants: get}, {Name: "b", SAN: "uri:spiffe://x/y", Grants: get}}, "the same san"},
		"a hash of another kind":  {[]Client{{Name: "a", KeyHash: "md5:00", Grants: get}}, "64 lower-case"},
		"a hash cut short":        {[]Client{{Name: "a", KeyHash: hash[:70], Grants: get}}, "64 lower-case"},
		"a hash in capitals":      {[]Client{{Name: "a", KeyHash: "sha256:" + strings.Repeat("AB", 32), Grants: get}}, "64 lower-case"},
		"a hash of other letters": {[]Client{{Name: "a", KeyHash: "sha256:" + strings.Repeat("g", 64), Grants: get}}, "64 lower-case"},
		"a san without a form":    {[]Client{{Name: "a", SAN: "host.example", Grants: get}}, "a san is"},
		"a san with a star":       {[]Client{{Name: "a", SAN: "dns:*.example", Grants: get}}, "a san is"},
		"an unknown verb":         {[]Client{{Name: "a", UID: new(uint32(1)), Grants: grants("put", "x")}}, `no verb "put"`},
		"no verbs":                {[]Client{{Name: "a", UID: new(uint32(1)), Grants: []Grant{{Services: []string{"x"}}}}}, "services and verbs"},
		"no services":             {[]Client{{Name: "a", UID: new(uint32(1)), Grants: grants("get,metrics")}}, "services and verbs"},
		"a glob in capitals":      {[]Client{{Name: "a", UID: new(uint32(1)), Grants: grants("get", "Billing")}}, "a glob"},
		"a glob with a slash":     {[]Client{{Name: "a", UID: new(uint32(1)), Grants: grants("get", "a/*")}}, "a glob"},
		"a glob with brackets":    {[]Client{{Name: "a", UID: new(uint32(1)), Grants: grants("get", "[ab]")}}, "a glob"},
		"a glob of nothing":       {[]Client{{Name: "a", UID: new(uint32(1)), Grants: grants("get", "")}}, "a glob"},
		"a glob no name matches":  {[]Client{{Name: "a", UID: new(uint32(1)), Grants: grants("get", "-a*")}}, "a glob"},
		"a glob of a long name":   {[]Client{{Name: "a", UID: new(uint32(1)), Grants: grants("get", strings.Repeat("?", 64))}}, "a glob"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := New(tt.clients, Options{}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestTheDefaultIsForTheOwnerAndTheListenersNamed(t *testing.T) {
	p, err := Default([]uint32{1000, 0}, []string{"tcp://127.0.0.1:1"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		who  Identity
		want bool
	}{
		"the owner":              {Identity{Listener: "unix", Peer: &Peer{UID: 1000}}, true},
		"root":                   {Identity{Listener: "unix", Peer: &Peer{}}, true},
		"another user":           {Identity{Listener: "unix", Peer: &Peer{UID: 1001}}, false},
		"a process of the group": {Identity{Listener: "unix", Peer: &Peer{UID: 1001, GID: 1000}}, false},
		"a user nobody knows":    {Identity{Listener: "unix"}, false},
		"the open port":          {Identity{Listener: "tcp://127.0.0.1:1"}, true},
	}
	for name, tt := range tests {
		if c := p.Match(tt.who).Caller(); c.May(Get, "x") != tt.want || c.May(Metrics, "") != tt.want || c.Known() != tt.want {
			t.Errorf("%s: may %v", name, !tt.want)
		}
	}
}

func TestByDefaultNobodyAtAnOpenPortMayReload(t *testing.T) {
	p, err := Default([]uint32{1000}, []string{"tcp://127.0.0.1:1"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	owner := p.Match(Identity{Listener: "unix", Peer: &Peer{UID: 1000}}).Caller()
	anybody := p.Match(Identity{Listener: "tcp://127.0.0.1:1"}).Caller()
	if !owner.MayAny(Reload) || anybody.MayAny(Reload) || !anybody.MayAny(Metrics) {
		t.Errorf("the owner may: %v, anybody may: %v, and see metrics: %v", owner.MayAny(Reload), anybody.MayAny(Reload), anybody.MayAny(Metrics))
	}
	if got := Reload.String() + " " + Admin.String() + " " + (Get | Reload).String(); got != "reload admin get" {
		t.Errorf("verbs are called %q", got)
	}
	if _, err := ParseVerb("reload"); err == nil {
		t.Error("it can be granted by itself")
	}
}

func TestANewPolicyTakesThePlaceOfTheOld(t *testing.T) {
	old := policy(t, Client{Name: "a", UID: new(uint32(1)), Grants: grants("get", "*")})
	s := NewShared(old)
	party := s.Policy().Match(Identity{Peer: &Peer{UID: 1}})
	if !s.Policy().Of(party) || s.Policy().Of(nil) {
		t.Error("the party is not that of the policy")
	}
	s.Replace(policy(t))
	if s.Policy().Of(party) {
		t.Error("what the old one knew still counts")
	}
}

func TestRatesAreCountedByClient(t *testing.T) {
	p, err := New([]Client{
		{Name: "a", UID: new(uint32(1)), Grants: grants("get", "*")}, {Name: "b", UID: new(uint32(2)), Grants: grants("get", "*")},
	}, Options{Rate: 2})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Unix(1_000_000, 0)
	after := func(d time.Duration) func() time.Time { return func() time.Time { return began.Add(d) } }
	now := after(0)
	a, b := p.Match(Identity{Peer: &Peer{UID: 1}}).Caller(), p.Match(Identity{Peer: &Peer{UID: 2}}).Caller()
	stranger, other := p.Match(Identity{Peer: &Peer{UID: 3}}).Caller(), p.Match(Identity{}).Caller()
	got := []bool{
		a.Allow(now), a.Allow(now), a.Allow(now), b.Allow(now), // a's third is too many, which b does not feel
		a.Allow(after(500*time.Millisecond - time.Nanosecond)), a.Allow(after(500 * time.Millisecond)),
		stranger.Allow(now), other.Allow(now), stranger.Allow(now), // strangers share
	}
	want := []bool{true, true, false, true, false, true, true, true, false}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("request %d: %v", i, got[i])
		}
	}
	if !(Caller{}).Allow(now) {
		t.Error("nobody is bounded by nothing")
	}
	if !policy(t).Match(Identity{}).Caller().Allow(nil) {
		t.Error("without a rate there is a bound")
	}
}

func TestVerbsHaveNames(t *testing.T) {
	for _, v := range verbs {
		if got, err := ParseVerb(v.name); err != nil || got != v.verb || got.String() != v.name {
			t.Errorf("%s: %v, %v", v.name, got, err)
		}
	}
	if got := (Get | Watch).String(); got != "get,watch" {
		t.Errorf("two of them: %q", got)
	}
}

func TestTheNameOfADecisionIsThatOfItsGrant(t *testing.T) {
	p := policy(t,
		Client{Name: "app", UID: new(uint32(1)), Grants: grants("get", "a")},
		Client{Name: "staff", GID: new(uint32(2)), Grants: grants("get", "b")},
	)
	c := p.Match(Identity{Peer: &Peer{UID: 1, GID: 2}}).Caller()
	for service, want := range map[string]string{"a": "app", "b": "staff", "c": "app"} {
		if name, _ := c.Name(Get, service); name != want {
			t.Errorf("%s: %s, want %s", service, name, want)
		}
	}
	if name, kind := p.Match(Identity{}).Caller().Name(Get, "a"); name != "" || kind != KindAnonymous {
		t.Errorf("nobody is %q, %s", name, kind)
	}
	if !c.MayAny(Get) || c.MayAny(Info) || (Caller{}).MayAny(Get) {
		t.Error("MayAny")
	}
}

func TestDecidingAllocatesNothing(t *testing.T) {
	text, hash := key()
	p := policy(t, Client{Name: "ci", KeyHash: hash, Grants: grants("get", "x*", "billing")})
	party := p.Match(Identity{})
	if n := testing.AllocsPerRun(1000, func() {
		if c, ok := party.WithKey(text); !ok || !c.May(Get, "billing") {
			t.Fatal("refused")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDecision(b *testing.B) {
	text, hash := key()
	p := policy(b, Client{Name: "ci", KeyHash: hash, Grants: grants("get", "a*z", "b?d", "billing")},
		Client{Name: "app", UID: new(uint32(1)), Grants: grants("get", "billing")})
	party := p.Match(Identity{Peer: &Peer{UID: 1}})
	b.Run("peer", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !party.Caller().May(Get, "billing") {
				b.Fatal("refused")
			}
		}
	})
	b.Run("key", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if c, ok := party.WithKey(text); !ok || !c.May(Get, "billing") {
				b.Fatal("refused")
			}
		}
	})
}
