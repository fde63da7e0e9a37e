package main

import (
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
	ungranted := d.door.asking
	ungranted.path = "/v1/token/nope"
	stranger := d.door.asking
	stranger.headers = ""
	for status, what := range map[string]asking{"403": ungranted, "401": stranger} {
		if _, err := load(what, 2, time.Second); err == nil || !strings.Contains(err.Error(), status) {
			t.Errorf("want %s, error %v", status, err)
		}
	}
	nobody := asking{network: "tcp", address: "127.0.0.1:1", path: "/"}
	if _, err := load(nobody, 1, time.Second); err == nil {
		t.Error("nobody listens, and that is no error")
	}
}

func TestALoadOfNoTimeIsOneRequestEach(t *testing.T) {
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
	if waits, err := load(d.door.asking, 3, -time.Hour+loadPatience); err == nil || len(waits) != 0 {
		t.Errorf("%d answers after the time for them, error %v", len(waits), err)
	}
	if waits, err := load(d.door.asking, 3, 0); err != nil || len(waits) != 3 {
		t.Errorf("%d answers, error %v", len(waits), err)
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
