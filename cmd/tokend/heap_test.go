package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestRoomForGarbageIsForWhoHasNotSetTheCollector(t *testing.T) {
	for name, tt := range map[string]struct {
		set  string
		want int
	}{
		"nothing is set":        {"PATH", garbageRoom},
		"GOGC is set":           {"GOGC", 0},
		"a memory limit is set": {"GOMEMLIMIT", 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := roomForGarbage(func(name string) string {
				if name == tt.set {
					return "100"
				}
				return ""
			})
			if len(got) != tt.want {
				t.Errorf("%d bytes, want %d", len(got), tt.want)
			}
		})
	}
}

// The collector lets a heap grow by its size, and so by the room at least, unless the
// environment of the tests has told it otherwise.
func TestTheCollectorCountsTheRoom(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(math.MaxInt64))
	room := roomForGarbage(func(string) string { return "" })
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if stats.NextGC < 2*garbageRoom {
		t.Errorf("the collector runs when the heap has %d bytes", stats.NextGC)
	}
	runtime.KeepAlive(room)
}
