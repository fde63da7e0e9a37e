package access

import (
	"sync"
	"testing"
)

// person returns the caller that a policy knows by that user id.
func person(p *Policy, uid uint32) Caller {
	return p.Match(Identity{Peer: &Peer{UID: uid}}).Caller()
}

func bounded(t testing.TB, opts Options, clients ...Client) *Policy {
	t.Helper()
	p, err := New(clients, opts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func user(name string, uid uint32) Client {
	return Client{Name: name, UID: &uid, Grants: grants("get", "*")}
}

// takes wants the place to be given or refused.
func takes(t *testing.T, c Caller, use Use, want bool) Place {
	t.Helper()
	place, ok := c.Enter(use, 2)
	if ok != want {
		t.Errorf("let in: %v, want %v", ok, want)
	}
	return place
}

func TestAClientHasSoManyPlaces(t *testing.T) {
	for name, opts := range map[string]Options{"by the policy": {InFlight: 2, Streams: 2}, "by who asks": {}} {
		for use := range uses {
			t.Run(name, func(t *testing.T) {
				p := bounded(t, opts, user("a", 1), user("b", 2))
				a, b := person(p, 1), person(p, 2)
				first := takes(t, a, use, true)
				takes(t, a, use, true)
				takes(t, a, use, false).Leave() // which gives nothing back
				takes(t, a, use, false)
				takes(t, b, use, true) // who does not feel it
				first.Leave()
				takes(t, a, use, true)
				takes(t, a, use, false)
				takes(t, a, 1-use, true) // the other use has places of its own
			})
		}
	}
}

func TestWhoIsNobodyHasNoPlace(t *testing.T) {
	p := bounded(t, Options{InFlight: 2}, user("a", 1))
	takes(t, person(p, 9), Requests, false).Leave()
	takes(t, Caller{}, Requests, false).Leave()
}

// TestPlacesAreThoseOfTheSurestClient has a caller who is two.
func TestPlacesAreThoseOfTheSurestClient(t *testing.T) {
	text, hash := key()
	p := bounded(t, Options{InFlight: 1}, user("a", 1), Client{Name: "k", KeyHash: hash, Grants: grants("get", "*")},
		Client{Name: "l", Listener: "door", Grants: grants("get", "*")})
	party := p.Match(Identity{Peer: &Peer{UID: 1}, Listener: "door"})
	withKey, _ := party.WithKey(text)
	takes(t, party.Caller(), Requests, true)
	takes(t, person(p, 1), Requests, false)
	takes(t, withKey, Requests, true)
	takes(t, p.Match(Identity{Listener: "door"}).Caller(), Requests, true)
}

// TestPlacesOutliveAPolicy changes the policy while requests are under way, in every
// way in which a client can be known.
func TestPlacesOutliveAPolicy(t *testing.T) {
	text, hash := key()
	clients := map[string]struct {
		client Client
		caller func(p *Policy) Caller
	}{
		"uid":  {Client{UID: new(uint32(1))}, func(p *Policy) Caller { return person(p, 1) }},
		"gid":  {Client{GID: new(uint32(2))}, func(p *Policy) Caller { return p.Match(Identity{Peer: &Peer{GID: 2}}).Caller() }},
		"san":  {Client{SAN: "dns:a.example"}, func(p *Policy) Caller { return p.Match(Identity{Names: []string{"dns:a.example"}}).Caller() }},
		"door": {Client{Listener: "door"}, func(p *Policy) Caller { return p.Match(Identity{Listener: "door"}).Caller() }},
		"key": {Client{KeyHash: hash}, func(p *Policy) Caller {
			c, _ := p.Match(Identity{}).WithKey(text)
			return c
		}},
	}
	for name, tt := range clients {
		t.Run(name, func(t *testing.T) {
			tt.client.Name, tt.client.Grants = "before", grants("get", "*")
			shared := NewShared(bounded(t, Options{InFlight: 2}, tt.client))
			one, two := takes(t, tt.caller(shared.Policy()), Requests, true), takes(t, tt.caller(shared.Policy()), Requests, true)

			tt.client.Name = "after" // the name is no identity
			shared.Replace(bounded(t, Options{InFlight: 3}, tt.client))
			three := takes(t, tt.caller(shared.Policy()), Requests, true)
			takes(t, tt.caller(shared.Policy()), Requests, false)

			shared.Replace(bounded(t, Options{InFlight: 1}, tt.client))
			one.Leave()
			two.Leave()
			takes(t, tt.caller(shared.Policy()), Requests, false)
			three.Leave()
			takes(t, tt.caller(shared.Policy()), Requests, true)
			takes(t, tt.caller(shared.Policy()), Requests, false)
		})
	}
}

// TestAPolicyThatComesBackHasItsPlaces is what happens when a change fails late.
func TestAPolicyThatComesBackHasItsPlaces(t *testing.T) {
	before := bounded(t, Options{InFlight: 1}, user("a", 1))
	shared := NewShared(before)
	place := takes(t, person(before, 1), Requests, true)
	shared.Replace(bounded(t, Options{InFlight: 1}, user("b", 2)))
	takes(t, person(shared.Policy(), 1), Requests, false) // nobody there
	takes(t, person(shared.Policy(), 2), Requests, true)
	shared.Replace(before)
	takes(t, person(shared.Policy(), 1), Requests, false)
	place.Leave()
	takes(t, person(shared.Policy(), 1), Requests, true)
}

// TestPlacesAreNeverTooMany has callers come and go while policies change.
func TestPlacesAreNeverTooMany(t *testing.T) {
	shared := NewShared(bounded(t, Options{InFlight: 3}, user("a", 1)))
	var callers, changes sync.WaitGroup
	var inside, most counter
	for range 8 {
		callers.Go(func() {
			for range 2000 {
				place, ok := person(shared.Policy(), 1).Enter(Requests, 0)
				if ok {
					most.raise(inside.add(1))
					inside.add(-1)
					place.Leave()
				}
			}
		})
	}
	changes.Go(func() {
		for range 200 {
			shared.Replace(bounded(t, Options{InFlight: 3}, user("a", 1)))
		}
	})
	callers.Wait()
	changes.Wait()
	if n := most.add(0); n < 1 || n > 3 {
		t.Errorf("%d at a time", n)
	}
	for range 3 {
		takes(t, person(shared.Policy(), 1), Requests, true)
	}
	place, ok := person(shared.Policy(), 1).Enter(Requests, 0)
	if ok {
		t.Error("a fourth")
	}
	place.Leave()
}

// counter is a number that several add to.
type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) add(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += n
	return c.n
}

func (c *counter) raise(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n = max(c.n, n)
}

func TestAPlaceAllocatesNothing(t *testing.T) {
	c := person(bounded(t, Options{}, user("a", 1)), 1)
	if n := testing.AllocsPerRun(1000, func() {
		place, ok := c.Enter(Requests, 1)
		if !ok {
			t.Fatal("refused")
		}
		place.Leave()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkPlace is what a request pays, by itself and when every core asks as one
// client.
func BenchmarkPlace(b *testing.B) {
	c := person(bounded(b, Options{}, user("a", 1)), 1)
	b.Run("alone", func(b *testing.B) {
		for b.Loop() {
			place, _ := c.Enter(Requests, 1)
			place.Leave()
		}
	})
	b.Run("together", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				place, _ := c.Enter(Requests, 1_000_000)
				place.Leave()
			}
		})
	})
}
