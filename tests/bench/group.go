package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"testing"
)

const (
	rounds    = 9
	roundTime = "100ms" // of each contender in each round
)

// group is contenders that are measured together.
type group struct {
	name   string
	setUp  func() (*arena, error)
	ratios []ratio
	allocs []allocs
	alone  []string // contenders that are printed for comparison
}

// ratio bounds how much longer than theirs one operation of ours may take.
type ratio struct {
	ours, theirs string
	limit        float64
}

// allocs bounds how many allocations an operation of ours may make.
type allocs struct {
	ours  string
	limit int64
}

// arena is what the contenders of a group need, and the contenders.
type arena struct {
	contenders []contender
	close      func() error
}

// contender is one way to do something. Its function is a benchmark's.
type contender struct {
	name string
	run  func(b *testing.B)
}

// rivals is how contenders did: by name, in every round.
type rivals map[string][]testing.BenchmarkResult

// groups are all groups.
var groups = []*group{&cached, &sealed, &message, &vaultRead}

func (g *group) check() (_ []row, err error) {
	a, err := g.setUp()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	results, err := a.measure()
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, name := range g.alone {
		rows = append(rows, row{name: name, ours: nanoseconds(results.median(name))})
	}
	for _, r := range g.ratios {
		rows = append(rows, results.ratio(r))
	}
	for _, l := range g.allocs {
		rows = append(rows, results.allocs(l))
	}
	return rows, nil
}

// measure measures every contender in every round.
func (a *arena) measure() (rivals, error) {
	if err := flag.Set("test.benchtime", roundTime); err != nil {
		return nil, err
	}
	results := make(rivals, len(a.contenders))
	for n := range rounds {
		for i := range a.contenders {
			c := a.contenders[(n+i)%len(a.contenders)]
			result := testing.Benchmark(c.run)
			if result.N == 0 {
				return nil, fmt.Errorf("%s failed", c.name)
			}
			results[c.name] = append(results[c.name], result)
		}
	}
	return results, nil
}

// ratio compares two contenders round by round.
func (r rivals) ratio(want ratio) row {
	ours, theirs := r[want.ours], r[want.theirs]
	ratios := make([]float64, 0, len(ours))
	for i := range ours {
		ratios = append(ratios, perOp(ours[i])/perOp(theirs[i]))
	}
	got := median(ratios)
	return row{
		name:   want.ours + " / " + want.theirs,
		ours:   nanoseconds(r.median(want.ours)),
		theirs: nanoseconds(r.median(want.theirs)),
		ratio:  fmt.Sprintf("%.2f", got),
		bound:  fmt.Sprintf("<= %.2f", want.limit),
		broken: got > want.limit,
	}
}

func (r rivals) allocs(want allocs) row {
	most := int64(0)
	for _, result := range r[want.ours] {
		most = max(most, result.AllocsPerOp())
	}
	return row{
		name:   want.ours + ", allocations",
		ours:   fmt.Sprint(most),
		bound:  fmt.Sprintf("<= %d", want.limit),
		broken: most > want.limit,
	}
}

// median returns the median of what one operation of the contender took, in
// nanoseconds.
func (r rivals) median(name string) float64 {
	all := make([]float64, 0, len(r[name]))
	for _, result := range r[name] {
		all = append(all, perOp(result))
	}
	return median(all)
}

func perOp(r testing.BenchmarkResult) float64 { return float64(r.T.Nanoseconds()) / float64(r.N) }

// median returns the median of values, of which there must be one at least.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid]
	}
	return (sorted[mid-1] + sorted[mid]) / 2
}
