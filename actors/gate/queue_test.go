package gate

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"pgregory.net/rapid"
)

func (q *queue) drain() []string {
	var names []string
	for e := q.next(); e != nil; e = q.next() {
		names = append(names, e.Service)
	}
	return names
}

func TestOrderOfPlaces(t *testing.T) {
	tests := map[string]struct {
		limit int
		asks  []Acquire
		want  []string
	}{
		"first come first served": {
			limit: 3, asks: []Acquire{{Service: "a"}, {Service: "b"}, {Service: "c"}}, want: []string{"a", "b", "c"},
		},
		"no more than there are places": {
			limit: 2, asks: []Acquire{{Service: "a"}, {Service: "b"}, {Service: "c"}}, want: []string{"a", "b"},
		},
		"callers go before background refreshes": {
			limit: 3, asks: []Acquire{{Service: "a"}, {Service: "b", Waiting: true}, {Service: "c", Waiting: true}},
			want: []string{"b", "c", "a"},
		},
		"slow ones hold at most half": {
			limit: 4,
			asks: []Acquire{
				{Service: "s1", Slow: true},
				{Service: "s2", Slow: true},
				{Service: "s3", Slow: true, Waiting: true},
				{Service: "a"},
				{Service: "b"},
			},
			want: []string{"s3", "a", "b", "s1"},
		},
		"slow ones with callers go before the background": {
			limit: 2, asks: []Acquire{{Service: "a"}, {Service: "s", Slow: true, Waiting: true}}, want: []string{"s", "a"},
		},
		"a single place may be slow": {
			limit: 1, asks: []Acquire{{Service: "s", Slow: true}}, want: []string{"s"},
		},
		"a caller's arrival raises the rank": {
			limit: 2, asks: []Acquire{{Service: "a"}, {Service: "b"}, {Service: "b", Waiting: true}}, want: []string{"b", "a"},
		},
		"a rank once raised stays": {
			limit: 2, asks: []Acquire{{Service: "a"}, {Service: "b", Waiting: true}, {Service: "b"}}, want: []string{"b", "a"},
		},
		"a newer flight takes the place of an older": {
			limit: 3, asks: []Acquire{{Service: "a", Flight: 1}, {Service: "a", Flight: 2}, {Service: "a", Flight: 1}},
			want: []string{"a"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			q := newQueue(tt.limit)
			for _, a := range tt.asks {
				q.ask(a, nil)
			}
			if got := q.drain(); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestReleaseFreesPlaces(t *testing.T) {
	q := newQueue(1)
	q.ask(Acquire{Service: "a", Flight: 1}, nil)
	q.ask(Acquire{Service: "b", Flight: 1}, nil)
	q.drain()
	q.release("a", 9) // not that flight
	q.release("c", 1) // nobody
	if got := q.drain(); got != nil {
		t.Fatalf("%v got a place that was not free", got)
	}
	q.release("a", 1)
	q.release("a", 1)
	if got := q.drain(); !slices.Equal(got, []string{"b"}) {
		t.Fatalf("got %v", got)
	}
	q.ask(Acquire{Service: "c", Flight: 1}, nil)
	q.release("c", 1) // gives up waiting
	q.release("b", 1)
	if got := q.drain(); got != nil || q.held != 0 || len(q.entries) != 0 {
		t.Errorf("got %v, %d held, %d entries", got, q.held, len(q.entries))
	}
}

func TestALostGrantIsRepeated(t *testing.T) {
	q := newQueue(1)
	q.ask(Acquire{Service: "a", Flight: 1}, nil)
	q.drain()
	q.ask(Acquire{Service: "a", Flight: 1}, nil)
	if got := q.drain(); !slices.Equal(got, []string{"a"}) || q.held != 1 {
		t.Errorf("got %v, %d held", got, q.held)
	}
}

// However flights ask and release, the places handed out are the places held,
// within the limits, and one a service.
func TestPlacesAreNeverLostNorExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := newQueue(rapid.IntRange(1, 5).Draw(t, "limit"))
		flights := make(map[string]uint64)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			name := fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "service"))
			if rapid.Bool().Draw(t, "release") {
				q.release(name, flights[name])
			} else {
				flights[name] += uint64(rapid.IntRange(0, 1).Draw(t, "newer"))
				q.ask(Acquire{
					Service: name, Flight: flights[name],
					Waiting: rapid.Bool().Draw(t, "waiting"), Slow: rapid.Bool().Draw(t, "slow"),
				}, nil)
			}
			q.drain()
			held, slow := 0, 0
			for _, e := range q.entries {
				if e.held {
					held++
					if e.Slow {
						slow++
					}
				}
			}
			if held != q.held || slow != q.slow || held > q.limit || slow > max(q.limit/2, 1) {
				t.Fatalf("%d/%d held, %d/%d slow, limit %d", held, q.held, slow, q.slow, q.limit)
			}
		}
		for name, flight := range flights {
			q.release(name, flight)
		}
		if q.held != 0 || q.slow != 0 || len(q.entries) != 0 {
			t.Fatalf("left over: %d held, %d slow, %d entries", q.held, q.slow, len(q.entries))
		}
	})
}

func TestTheActorGrantsAsPlacesBecomeFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		system := actor.NewActorSystem()
		defer system.Shutdown()
		root, gauge := system.Root, &Gauge{}
		gate := root.Spawn(Props(1, gauge))
		granted := make(chan uint64, 10)
		asker := root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
			if m, ok := c.Message().(*Granted); ok {
				granted <- m.Flight
			}
		}))
		for flight := range uint64(3) {
			root.RequestWithCustomSender(gate, &Acquire{Service: fmt.Sprint(flight), Flight: flight}, asker)
		}
		synctest.Wait()
		if len(granted) != 1 || <-granted != 0 {
			t.Fatal("the first, and only the first, should have its place")
		}
		if inFlight, queued := gauge.InFlight.Load(), gauge.Queued.Load(); inFlight != 1 || queued != 2 {
			t.Errorf("it shows %d in flight and %d queued, want 1 and 2", inFlight, queued)
		}
		root.Send(gate, &Release{Service: "0", Flight: 0})
		synctest.Wait()
		if len(granted) != 1 || <-granted != 1 {
			t.Fatal("the second should have the place that became free")
		}
		root.Send(gate, &SetLimit{Limit: 2})
		synctest.Wait()
		if len(granted) != 1 || <-granted != 2 {
			t.Fatal("the third should have the place that was added")
		}
		root.Send(gate, &Release{Service: "1", Flight: 1})
		root.Send(gate, &Release{Service: "2", Flight: 2})
		synctest.Wait()
		if inFlight, queued := gauge.InFlight.Load(), gauge.Queued.Load(); inFlight != 0 || queued != 0 {
			t.Errorf("it shows %d in flight and %d queued, want none", inFlight, queued)
		}
		root.Stop(gate)
		root.Stop(asker)
		time.Sleep(time.Minute)
	})
}
