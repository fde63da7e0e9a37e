package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for name, c := range map[string]struct {
		values []float64
		want   float64
	}{
		"one value is its own":            {[]float64{3}, 3},
		"of an odd number the one inside": {[]float64{9, 1, 2}, 2},
		"of an even number the mean":      {[]float64{4, 1, 2, 9}, 3},
		"one outlier changes nothing":     {[]float64{1, 1, 1000}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := median(c.values); got != c.want {
				t.Errorf("median of %v: %v, want %v", c.values, got, c.want)
			}
		})
	}
}

// result is that of a benchmark whose operation took that long.
func result(took time.Duration, allocations uint64) testing.BenchmarkResult {
	return testing.BenchmarkResult{N: 10, T: 10 * took, MemAllocs: 10 * allocations}
}

func TestRatiosAreTakenRoundByRound(t *testing.T) {
	r := rivals{
		"ours":   {result(10, 0), result(40, 0), result(100, 2)},
		"theirs": {result(20, 1), result(80, 1), result(50, 1)},
	}
	for name, c := range map[string]struct {
		got  row
		want row
	}{
		"a ratio within its bound": {
			r.ratio(ratio{"ours", "theirs", 0.5}),
			row{"ours / theirs", "40.0 ns", "50.0 ns", "0.50", "<= 0.50", false},
		},
		"a ratio above its bound": {
			r.ratio(ratio{"ours", "theirs", 0.4}),
			row{"ours / theirs", "40.0 ns", "50.0 ns", "0.50", "<= 0.40", true},
		},
		"the most allocations of all rounds count": {
			r.allocs(allocs{"ours", 1}),
			row{"ours, allocations", "2", "", "", "<= 1", true},
		},
		"a time within its bound": {
			within("wait", time.Millisecond, time.Second),
			row{"wait", "1ms", "", "", "<= 1s", false},
		},
		"a time above its bound": {
			within("wait", 2*time.Second, time.Second),
			row{"wait", "2s", "", "", "<= 1s", true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.got != c.want {
				t.Errorf("got  %+v\nwant %+v", c.got, c.want)
			}
		})
	}
}

func TestAttempts(t *testing.T) {
	broken, whole := []row{{broken: true}}, []row{{}}
	failed := errors.New("failed")
	for name, c := range map[string]struct {
		rows [][]row
		err  error
		want error
		made int
	}{
		"one that holds is enough":              {[][]row{whole}, nil, nil, 1},
		"one that is broken is made again":      {[][]row{broken, broken, whole}, nil, nil, 3},
		"one that is always broken is an error": {[][]row{broken, broken, broken}, nil, errBroken, 3},
		"a failure ends it":                     {[][]row{nil}, failed, failed, 1},
	} {
		t.Run(name, func(t *testing.T) {
			made := 0
			check := check{"check", func() ([]row, error) { made++; return c.rows[made-1], c.err }}
			if _, err := check.attempt(); !errors.Is(err, c.want) || made != c.made {
				t.Errorf("error %v after %d, want %v after %d", err, made, c.want, c.made)
			}
		})
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	err := printTable(&b, []row{
		{name: "fast", ours: "1 ns", theirs: "2 ns", ratio: "0.50", bound: "<= 1.00"},
		{name: "slow", ours: "9 s", bound: "<= 1 s", broken: true},
		{name: "alone", ours: "7 ns"},
	})
	want := strings.Join([]string{
		"name    ours   theirs   ratio   bound     ok",
		"fast    1 ns   2 ns     0.50    <= 1.00   ok",
		"slow    9 s    -        -       <= 1 s    BROKEN",
		"alone   7 ns   -        -       -         -",
		"",
	}, "\n")
	if got := b.String(); err != nil || got != want {
		t.Errorf("error %v, table\n%swant\n%s", err, got, want)
	}
}

// What is compared is the whole of a call: hits are counted, and the doors that
// are measured hand out the token itself.
func TestMeasuredCallsAreWholeCalls(t *testing.T) {
	for _, memory := range []string{memoryPlain, memorySealed} {
		t.Run(memory, func(t *testing.T) {
			h, err := plan{services: 2, size: 200, memory: memory}.build()
			if err != nil {
				t.Fatal(err)
			}
			defer stop(t, h.close)
			d, err := openDoor(h.sys)
			if err != nil {
				t.Fatal(err)
			}
			defer stop(t, d.close)
			for _, get := range []func(string) error{h.get, h.ask, d.get} {
				if err := get(h.names[1]); err != nil {
					t.Error(err)
				}
			}
			if rate, calls := hitRate(h); rate != 1 || calls != 3 {
				t.Errorf("%v of %d calls were hits, want all of 3", rate, calls)
			}
			if tok, err := h.sys.Token(context.Background(), h.names[0]); err != nil || len(tok.Value()) != 200 {
				t.Errorf("a token of %d bytes and error %v, want 200 and none", len(tok.Value()), err)
			}
		})
	}
}

func stop(t *testing.T, closed func() error) {
	t.Helper()
	if err := closed(); err != nil {
		t.Error(err)
	}
}

func TestWaits(t *testing.T) {
	got, err := waits(3, 5, func(int) error { return nil })
	if err != nil || len(got) != 15 || got[0] > got[14] {
		t.Errorf("waits %v, error %v, want 15 in order", got, err)
	}
	failed := errors.New("failed")
	if _, err := waits(3, 5, func(i int) error {
		if i == 4 {
			return failed
		}
		return nil
	}); !errors.Is(err, failed) {
		t.Errorf("error %v, want that of the call", err)
	}
}
