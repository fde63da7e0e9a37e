package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Client is somebody who may use the node. Exactly one of UID, GID, KeyHash, SAN
// and Listener is set.
type Client struct {
	Name     string  `key:"name"`     // how the audit calls it, like a service's; required
	UID      *uint32 `key:"uid"`      // user of a process that comes through a Unix socket
	GID      *uint32 `key:"gid"`      // group of such a process
	KeyHash  string  `key:"key_hash"` // sha256: and the SHA-256 of its bearer key in hex
	SAN      string  `key:"san"`      // of its certificate: dns:HOST, uri:URI, a SPIFFE ID, or subject:NAME
	Listener string  `key:"listener"` // name of a listener: anybody who comes through it
	Grants   []Grant `key:"grants"`   // what it may do; required
}

// Grant allows verbs on services.
type Grant struct {
	Services []string `key:"services"` // names, in which * stands for any characters and ? for one; required but for metrics alone
	Verbs    []string `key:"verbs"`    // of [Verbs]; required
}

// Verbs returns what a [Grant] can allow.
func Verbs() []string { return slices.Clone(verbs) }

var verbs = []string{"get", "info", "refresh", "invalidate", "watch", "metrics", "admin"}

// AuditStdout is the [Audit.Path] that is no file.
const AuditStdout = "stdout"

// Audit says where every decision about access is written.
type Audit struct {
	Path string `key:"path"` // file, or AuditStdout; empty: nowhere. In YAML, a relative path starts at the directory of the configuration file

	TrustDirectory bool `key:"trust_directory"` // everyone who can change the directory of the file is trusted; false: there must be no one but root and the user of the process
}

// ListenerTLS is how a TCP listener serves TLS. The files are read anew when they
// are replaced. In YAML, relative paths start at the directory of the configuration
// file.
type ListenerTLS struct {
	CertFile     string `key:"cert_file"`      // PEM certificate and intermediates; required
	KeyFile      string `key:"key_file"`       // PEM private key; required
	ClientCAFile string `key:"client_ca_file"` // PEM bundle that certificates of clients lead to; empty: none are asked for
}

const (
	mostClients = 10_000
	mostGrants  = 1000
)

// clients checks who may use the node, and that those who are known by a listener
// have one.
func (v *checker) clients(c *Config) {
	if c.Clients != nil && len(c.Clients) == 0 {
		v.add("clients", "is empty, which would let in whoever gets in without it: name a client, or leave the key out")
	}
	if len(c.Clients) > mostClients {
		v.add("clients", "must be at most %d", mostClients)
	}
	names, identities := map[string]int{}, map[string]int{}
	for i := range c.Clients {
		client, at := &c.Clients[i], item("clients", i)
		v.clientName(join(at, "name"), client.Name)
		if first, taken := names[client.Name]; taken && client.Name != "" {
			v.add(at, "has the same name as clients[%d]", first)
		}
		names[client.Name] = i
		identity := v.identity(at, client, c.Listen)
		if first, taken := identities[identity]; taken && identity != "" {
			v.add(at, "is known by the same %s as clients[%d]: put the grants of both into one", before(identity), first)
		}
		identities[identity] = i
		v.grants(at, client.Grants)
	}
}

func before(identity string) string {
	kind, _, _ := strings.Cut(identity, "=")
	return kind
}

func (v *checker) clientName(at, name string) {
	switch {
	case name == "":
		v.add(at, required)
	case !serviceName.MatchString(name):
		v.add(at, "%s", nameRule)
	}
}

// identity checks how a client is known and returns that in one form, empty if it
// is wrong.
func (v *checker) identity(at string, c *Client, listeners []Listener) string {
	var given []string
	if c.UID != nil {
		given = append(given, fmt.Sprintf("uid=%d", *c.UID))
	}
	if c.GID != nil {
		given = append(given, fmt.Sprintf("gid=%d", *c.GID))
	}
	if c.KeyHash != "" {
		given = append(given, v.keyHash(join(at, "key_hash"), c.KeyHash))
	}
	if c.SAN != "" {
		given = append(given, v.san(join(at, "san"), c.SAN))
	}
	if c.Listener != "" {
		given = append(given, v.knownListener(join(at, "listener"), c.Listener, listeners))
	}
	if len(given) != 1 {
		v.add(at, "must have exactly one of uid, gid, key_hash, san and listener")
		return ""
	}
	return given[0]
}

var keyHash = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func (v *checker) keyHash(at, text string) string {
	if !keyHash.MatchString(text) {
		v.add(at, "must be sha256: and 64 lower-case hexadecimal digits, as tokend client new prints it; never the key itself")
		return ""
	}
	return "key_hash=" + text
}

// spiffeID is that of a workload: a trust domain and a path without segments that are
// empty, . or .. (SPIFFE-ID, sections 2.1 and 2.2).
var spiffeID = regexp.MustCompile(`^spiffe://[a-z0-9._-]+(/(\.?[A-Za-z0-9_-]|\.\.[A-Za-z0-9._-])[A-Za-z0-9._-]*)+$`)

// san checks a name of a certificate. A wildcard in it would stand for itself.
func (v *checker) san(at, text string) string {
	if strings.HasPrefix(text, "spiffe://") {
		text = "uri:" + text
	}
	form, rest, _ := strings.Cut(text, ":")
	control := strings.ContainsFunc(rest, unicode.IsControl)
	switch {
	case form == "uri" && strings.HasPrefix(rest, "spiffe:") && !spiffeID.MatchString(rest):
	case form == "dns" && isHost(strings.ToLower(rest)) && !strings.Contains(rest, ":"):
		return "san=" + strings.ToLower(text)
	case form == "uri" && strings.Contains(rest, ":") && !control, form == "subject" && strings.Contains(rest, "=") && !control:
		return "san=" + text
	}
	v.add(at, "must be dns:HOST without wildcards, uri:URI, spiffe://DOMAIN/PATH or subject:CN=NAME,…")
	return ""
}

func (v *checker) knownListener(at, name string, listeners []Listener) string {
	var names []string
	for i := range listeners {
		names = append(names, listeners[i].Name)
	}
	if !slices.Contains(names, name) {
		v.add(at, "no listener has that name; a listener gets one by listen[].name%s", meaning(nearest(name, names)))
	}
	return "listener=" + name
}

func (v *checker) grants(at string, all []Grant) {
	at = join(at, "grants")
	if len(all) == 0 {
		v.add(at, "required: who has none may do nothing")
	}
	if len(all) > mostGrants {
		v.add(at, "must be at most %d", mostGrants)
	}
	for i := range all {
		v.grant(item(at, i), &all[i])
	}
}

func (v *checker) grant(at string, g *Grant) {
	metricsAlone := len(g.Verbs) > 0 && !slices.ContainsFunc(g.Verbs, func(verb string) bool { return verb != "metrics" })
	if len(g.Services) == 0 && !metricsAlone {
		v.add(join(at, "services"), required)
	}
	if len(g.Services) > mostGrants {
		v.add(join(at, "services"), "must be at most %d", mostGrants)
	}
	for i, glob := range g.Services {
		v.glob(item(join(at, "services"), i), glob)
	}
	if len(g.Verbs) == 0 {
		v.add(join(at, "verbs"), required)
	}
	for i, verb := range g.Verbs {
		if !slices.Contains(verbs, verb) {
			near := nearest(verb, verbs)
			v.add(item(join(at, "verbs"), i), "must be one of %s%s", strings.Join(verbs, ", "), meaning(near))
		}
	}
}

// meaning asks whether the nearest of several was meant.
func meaning(near string) string {
	if near == "" {
		return ""
	}
	return "; did you mean " + near + "?"
}

var serviceGlob = regexp.MustCompile(`^[a-z0-9*?][a-z0-9._*?-]*$`)

// glob refuses what no name of a service can match.
func (v *checker) glob(at, glob string) {
	if fixed := len(strings.ReplaceAll(glob, "*", "")); !serviceGlob.MatchString(glob) || fixed > 63 || len(glob) > 126 {
		v.add(at, "no service can have such a name: one has a-z, 0-9, dot, underscore and hyphen; * stands for any characters and ? for one")
	}
}

// remote checks a listener that other machines can reach.
func (v *checker) remote(at string, l *Listener, clients []Client) {
	if l.TLS == nil {
		v.add(join(at, "tls"), "required, for the address is not on loopback: tokens would cross the network in the clear")
	}
	if len(clients) == 0 {
		v.add("clients", "required, for %s can be reached from other machines", at)
	}
}

// listenerTLS reads the files of a listener once, so that what is wrong with them
// from the start is said at the start.
func (v *checker) listenerTLS(at string, t *ListenerTLS) {
	if t == nil {
		return
	}
	if t.CertFile == "" && t.KeyFile == "" {
		v.add(join(at, "cert_file"), required)
		v.add(join(at, "key_file"), required)
	}
	v.checkTLS(at, &TLS{CertFile: t.CertFile, KeyFile: t.KeyFile})
	for _, p := range checkFiles(&TLS{CAFile: t.ClientCAFile}) {
		v.add(join(at, "client_ca_file"), "%s", p.Message)
	}
}

func (v *checker) audit(a *Audit) {
	if strings.ContainsFunc(a.Path, unicode.IsControl) {
		v.add("audit.path", "must not hold control characters")
	}
	if a.TrustDirectory && (a.Path == "" || a.Path == AuditStdout) {
		v.add("audit.trust_directory", "is for an audit.path that is a file")
	}
}
