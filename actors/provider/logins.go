package provider

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sync"
)

// Logins knows which services live on which refresh tokens. Two that live on one are
// a mistake: where the server replaces a refresh token when it is used, and ends the
// login when it is used again, one of them would take the login of both. Logins lets
// one of them use a refresh token at a time, and none use what another has spent. Its
// methods may be called concurrently.
type Logins struct {
	secret []byte // of the marks
	tell   Sharing

	mu     sync.Mutex
	chains map[string]chain       // by service
	busy   map[mark]chan struct{} // closed when the refresh token is free again
}

// mark stands for a refresh token of a client at an endpoint. No one can tell the
// refresh token from it.
type mark [16]byte

// chain is what a service lives on: the refresh token of its login, the one at hand,
// and the one that was exchanged for that.
type chain struct{ first, current, previous mark }

// Sharing is told of services that live on one refresh token. Its functions are not
// waited for, and nil where no one wants to know.
type Sharing struct {
	Found func(service, other string) // both live on the same one
	Spent func(service, by string)    // the one that service lives on was replaced in an answer to the other
}

// NewLogins returns Logins without any service.
func NewLogins(tell Sharing) *Logins {
	if tell.Found == nil {
		tell.Found = func(string, string) {}
	}
	if tell.Spent == nil {
		tell.Spent = func(string, string) {}
	}
	l := &Logins{secret: make([]byte, sha256.Size), tell: tell, chains: map[string]chain{}, busy: map[mark]chan struct{}{}}
	_, _ = rand.Read(l.secret) // never fails, see crypto/rand
	return l
}

// Keep forgets all services but those.
func (l *Logins) Keep(services map[string]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for service := range l.chains {
		if !services[service] {
			delete(l.chains, service)
		}
	}
}

// Recall takes up what a service lives on, by its refresh token as it is configured and
// the State that it has left, before any of those that share its login asks. What is
// known of it already stays.
func (l *Logins) Recall(service string, g *Grant, first Text, s State) {
	if f, err := familyOf(first, s); err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		if c := l.chain(clientOf(g), f); l.chains[service].first != c.first {
			l.chains[service] = c
		}
	}
}

// clientOf stands for whose refresh token is sent, and where.
func clientOf(g *Grant) string {
	sum := sha256.Sum256([]byte(g.ClientID + "\x00" + g.TokenURL + "\x00" + g.Issuer))
	return hex.EncodeToString(sum[:8])
}

func (l *Logins) chain(client string, f family) chain {
	c := chain{current: l.mark(client, sumOf(f.Current))}
	if !f.Anew {
		c.first = l.mark(client, f.First)
	}
	if f.Previous != "" {
		c.previous = l.mark(client, sumOf(f.Previous))
	}
	return c
}

// sumOf returns how a family holds the refresh token of its login.
func sumOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func (l *Logins) mark(client, sum string) (m mark) {
	h := hmac.New(sha256.New, l.secret)
	_, _ = h.Write([]byte(client + "\x00" + sum)) // a hash never fails
	copy(m[:], h.Sum(nil))
	return m
}

// note takes up what a service lives on, and tells who else lives on the same.
func (l *Logins) note(service string, c chain) {
	l.mu.Lock()
	var others []string
	if l.chains[service].current != c.current {
		others = l.holders(service, c.current)
	}
	l.chains[service] = c
	l.mu.Unlock()
	for _, other := range others {
		l.tell.Found(service, other)
	}
}

// holders returns the other services that have m at hand.
func (l *Logins) holders(service string, m mark) (others []string) {
	for name, c := range l.chains {
		if name != service && c.current == m {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	return others
}

// enter waits until no other service uses the refresh token m, and keeps others from
// using it until leave is called. By is who has spent it; then there is nothing to
// leave.
func (l *Logins) enter(ctx context.Context, service string, m mark) (leave func(), by string, err error) {
	for {
		l.mu.Lock()
		before := l.busy[m]
		if before == nil {
			break
		}
		l.mu.Unlock()
		select {
		case <-before:
		case <-ctx.Done():
			return nil, "", context.Cause(ctx)
		}
	}
	defer l.mu.Unlock()
	if by = l.spentBy(service, m); by != "" {
		return nil, by, nil
	}
	free := make(chan struct{})
	l.busy[m] = free
	return func() {
		l.mu.Lock()
		delete(l.busy, m)
		l.mu.Unlock()
		close(free)
	}, "", nil
}

// spentBy returns the service that has exchanged m for another refresh token.
func (l *Logins) spentBy(service string, m mark) string {
	var by []string
	for name, c := range l.chains {
		if name != service && c.current != m && (c.first == m || c.previous == m) {
			by = append(by, name)
		}
	}
	if len(by) == 0 {
		return ""
	}
	return slices.Min(by)
}

// rotated notes that an answer to a service has replaced m, and tells those who live
// on that.
func (l *Logins) rotated(service string, m mark, c chain) {
	l.mu.Lock()
	l.chains[service] = c
	var others []string
	if c.current != m {
		others = l.holders(service, m)
	}
	l.mu.Unlock()
	for _, other := range others {
		l.tell.Spent(other, service)
	}
}
