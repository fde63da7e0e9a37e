package access

import (
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// Client is somebody who is known, and what that one may do. Exactly one of UID,
// GID, KeyHash, SAN and Listener is set.
type Client struct {
	Name     string
	UID      *uint32 // user of the process at the other end of a Unix socket
	GID      *uint32 // group of it
	KeyHash  string  // of the key it sends, as [NewKey] returns it
	SAN      string  // of its certificate, as [Names] returns it
	Listener string  // name of the listener it came through: anybody there
	Grants   []Grant
}

// Grant allows verbs on services.
type Grant struct {
	Services []string // names, with * for any characters and ? for one
	Verbs    []string
}

// Options bound what callers may ask.
type Options struct {
	// Rate is how many requests a second a client may make, as many at once; and all
	// strangers together. 0: as many as it likes.
	Rate int
	// InFlight and Streams are how many requests of a client, and how many streams of
	// events among them, may be under way at a time. 0: as many as who asks says, see
	// [Caller.Enter].
	InFlight, Streams int
}

// Policy says what every caller may do. It is immutable, but for what its clients take
// up.
type Policy struct {
	uids, gids map[uint32]*client
	keys       map[digest]*client
	names      map[string]*client // of certificates
	listeners  map[string]*client
	clients    map[string]bool // names that are taken
	rate       int
	strangers  *rate.Limiter // nil: no bound
	places     [uses]int     // of a client; 0: the policy does not say
}

// client is a Client that decides quickly.
type client struct {
	name    string
	kind    Kind
	digest  digest          // of its key, if it has one
	all     Verb            // on every service
	exact   map[string]Verb // by name
	globs   []glob
	some    Verb // on any service
	limiter *rate.Limiter
	load    atomic.Pointer[load]
}

type glob struct {
	pattern string
	verbs   Verb
}

// New returns the policy that grants what the clients are granted and nothing else.
func New(clients []Client, opts Options) (*Policy, error) {
	p := &Policy{
		uids: map[uint32]*client{}, gids: map[uint32]*client{}, keys: map[digest]*client{},
		names: map[string]*client{}, listeners: map[string]*client{}, clients: map[string]bool{},
		rate: opts.Rate, strangers: limiter(opts.Rate), places: [uses]int{Requests: opts.InFlight, Streams: opts.Streams},
	}
	for i := range clients {
		if err := p.add(&clients[i]); err != nil {
			return nil, fmt.Errorf("client %.64q: %w", clients[i].Name, err)
		}
	}
	return p, nil
}

// Default returns the policy of a node without clients: everything for the users
// named, on any Unix socket, and for anybody on the listeners named everything but to
// have the node reload.
func Default(users []uint32, listeners []string, opts Options) (*Policy, error) {
	everything := []Grant{{Services: []string{"*"}, Verbs: []string{"admin"}}}
	ofServices := []Grant{{Services: []string{"*"}, Verbs: []string{"get", "info", "refresh", "invalidate", "watch", "metrics"}}}
	var clients []Client
	for _, uid := range users {
		clients = append(clients, Client{Name: fmt.Sprintf("uid %d", uid), UID: &uid, Grants: everything})
	}
	for _, l := range listeners {
		clients = append(clients, Client{Name: "anybody at " + l, Listener: l, Grants: ofServices})
	}
	return New(clients, opts)
}

func limiter(perSecond int) *rate.Limiter {
	if perSecond <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(perSecond), perSecond)
}

func (p *Policy) add(c *Client) error {
	if c.Name == "" || p.clients[c.Name] {
		return errors.New("every client needs a name of its own")
	}
	p.clients[c.Name] = true
	compiled := &client{name: c.Name, exact: map[string]Verb{}, limiter: limiter(p.rate)}
	compiled.load.Store(&load{})
	for _, g := range c.Grants {
		if err := compiled.grant(g); err != nil {
			return err
		}
	}
	return p.identify(c, compiled)
}

// HasKeys reports whether any client is known by a key.
func (p *Policy) HasKeys() bool { return len(p.keys) > 0 }

// identify enters the client under the one identity that it has.
func (p *Policy) identify(c *Client, compiled *client) error {
	var given []error
	if c.UID != nil {
		given = append(given, enter(p.uids, *c.UID, compiled, KindUID))
	}
	if c.GID != nil {
		given = append(given, enter(p.gids, *c.GID, compiled, KindGID))
	}
	if c.KeyHash != "" {
		sum, err := parseHash(c.KeyHash)
		compiled.digest = sum
		given = append(given, errors.Join(err, enter(p.keys, sum, compiled, KindKey)))
	}
	if c.SAN != "" {
		name := canonicalName(c.SAN)
		if name == "" {
			return errors.New("a san is dns:HOST, uri:URI or subject:NAME")
		}
		given = append(given, enter(p.names, name, compiled, KindSAN))
	}
	if c.Listener != "" {
		given = append(given, enter(p.listeners, c.Listener, compiled, KindListener))
	}
	if len(given) != 1 {
		return errors.New("a client has exactly one of uid, gid, key_hash, san and listener")
	}
	return given[0]
}

func enter[K comparable](under map[K]*client, key K, c *client, kind Kind) error {
	if under[key] != nil {
		return fmt.Errorf("client %s has the same %s", under[key].name, kind)
	}
	c.kind = kind
	under[key] = c
	return nil
}

// grant adds a grant. A grant of metrics alone needs no services.
func (c *client) grant(g Grant) error {
	var allowed, explicit Verb
	for _, name := range g.Verbs {
		v, err := ParseVerb(name)
		if err != nil {
			return err
		}
		allowed |= v
		if v != Admin {
			explicit |= v
		}
	}
	if allowed == 0 || len(g.Services) == 0 && allowed != Metrics {
		return errors.New("a grant has services and verbs")
	}
	c.all |= explicit & Metrics // it is about no service
	c.some |= allowed &^ nodeWide
	for _, pattern := range g.Services {
		if err := c.grantOn(pattern, allowed); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) grantOn(pattern string, allowed Verb) error {
	if err := checkGlob(pattern); err != nil {
		return err
	}
	switch {
	case pattern == "*":
		c.all |= allowed
	case wild(pattern):
		c.globs = append(c.globs, glob{pattern, allowed &^ nodeWide})
	default:
		c.exact[pattern] |= allowed &^ nodeWide
	}
	return nil
}

func (c *client) may(verb Verb, service string) bool {
	if c.all&verb != 0 || c.exact[service]&verb != 0 {
		return true
	}
	for i := range c.globs {
		if c.globs[i].verbs&verb != 0 && match(c.globs[i].pattern, service) {
			return true
		}
	}
	return false
}
