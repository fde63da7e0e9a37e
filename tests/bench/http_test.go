package main

import (
	"net"
	"strings"
	"testing"
	"time"
)

func TestADuelComparesTheDoorWithABareHandler(t *testing.T) {
	h, err := plan{services: 1, size: 200, memory: memorySealed}.build()
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, h.close)
	for _, network := range []string{"tcp", "unix"} {
		d, err := openDuel(network, h)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := d.compare([]int{2}, 2, time.Millisecond)
		if err != nil || len(rows) != 2 {
			t.Fatalf("%d rows, error %v", len(rows), err)
		}
		if r := rows[0]; r.ours == "0" || r.theirs == "0" || r.ratio == "" || !strings.Contains(rows[1].ours, " / ") {
			t.Errorf("rows %+v", rows)
		}
		stop(t, d.close)
	}
}

func TestALoadSaysWhatIsWrong(t *testing.T) {
	h, err := plan{services: 1, size: 200, memory: memoryPlain}.build()
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, h.close)
	d, err := openDuel("tcp", h)
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, d.close)
	if _, err := load(d.door.at, "/v1/token/nope", 2, time.Second); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("error %v", err)
	}
	nobody := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}
	if _, err := load(nobody, "/", 1, time.Second); err == nil {
		t.Error("nobody listens, and that is no error")
	}
}

func TestPercentiles(t *testing.T) {
	var waits []time.Duration
	for i := range 1000 {
		waits = append(waits, time.Duration(1000-i)*time.Microsecond)
	}
	if got := percentiles(waits); got != "501µs / 991µs / 1ms" {
		t.Errorf("percentiles %s", got)
	}
}
