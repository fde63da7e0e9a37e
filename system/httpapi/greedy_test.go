package httpapi

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"tokend/system/access"
)

// send makes a request whose answer nobody reads yet.
func (l *line) send(target, key string) {
	l.t.Helper()
	if _, err := fmt.Fprintf(l, "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", target, key); err != nil {
		l.t.Fatal(err)
	}
}

// eventually waits until something holds, which it must at some time.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick, end := time.NewTicker(time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

// TestOneGreedyClientIsNotInAnothersWay has one client ask for much more than a door
// has, and keep it for as long as it can.
func TestOneGreedyClientIsNotInAnothersWay(t *testing.T) {
	for name, target := range map[string]string{"tokens that do not come": "/v1/token/billing?wait=60s", "streams": "/v1/events"} {
		t.Run(name, func(t *testing.T) {
			greedy, greedyHash := access.NewKey()
			modest, modestHash := access.NewKey()
			shared := policyOf(t, 0,
				access.Client{Name: "greedy", KeyHash: greedyHash, Grants: granting("admin", "*")},
				access.Client{Name: "modest", KeyHash: modestHash, Grants: granting("admin", "*")})
			traffic := NewTraffic()
			_, l := serveDoor(t, newPatient(), aPort, Options{Access: shared, Traffic: traffic}, DoorOptions{Connections: 8})
			eventually(t, "the greedy one is refused again and again", func() bool {
				dialTest(t, l).send(target, greedy.Reveal())
				refused := traffic.Refusals()
				return refused["in_flight"]+refused["streams"] > 20
			})
			key := "Authorization: Bearer " + modest.Reveal()
			if status, body := dialTest(t, l).get("/v1/token/forever", key); status != http.StatusOK {
				t.Errorf("a token for another: status %d, %s", status, body)
			}
			c := dialTest(t, l)
			c.send("/v1/events", modest.Reveal())
			if resp, err := http.ReadResponse(c.answers, nil); err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("a stream for another: %v, %v", resp, err)
			}
		})
	}
}

// TestAClientThatHangsUpHasItsPlacesBack closes connections whose requests wait.
func TestAClientThatHangsUpHasItsPlacesBack(t *testing.T) {
	shared := boundedPolicy(t, access.Options{InFlight: 2, Streams: 1}, watcher("port", "admin", "*"))
	traffic := NewTraffic()
	_, l := serveDoor(t, newPatient(), aPort, Options{Access: shared, Traffic: traffic}, DoorOptions{})
	for range 3 {
		stream, waits := dialTest(t, l), dialTest(t, l)
		eventually(t, "a stream is free", func() bool { return stream.stream("/v1/events").StatusCode == http.StatusOK })
		waits.send("/v1/token/billing?wait=60s", "")
		before := traffic.Refusals()["in_flight"]
		eventually(t, "both are under way", func() bool {
			dialTest(t, l).get("/v1/token/forever")
			return traffic.Refusals()["in_flight"] > before
		})
		_ = stream.Close()
		_ = waits.Close()
		eventually(t, "a place is free", func() bool {
			status, _ := dialTest(t, l).get("/v1/token/forever")
			return status == http.StatusOK
		})
	}
}
