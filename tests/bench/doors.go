package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

const (
	doorRounds = 15
	doorRound  = time.Second // of each server in each round: wrk knows nothing shorter
)

// check compares a node with a bare server, both loaded by a program of other
// authors. Where that is not installed nothing is known, and the row says so.
func (l *loader) check() (_ []row, err error) {
	if _, err := exec.LookPath(l.program); err != nil {
		return []row{{name: l.title(), ours: "SKIPPED: " + l.program + " is not installed"}}, nil
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c, err := openContest(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	return c.compare(ctx, l, connections, doorRounds, doorRound)
}

func (l *loader) title() string { return "node over " + l.network + " under " + l.program }

// bout is what a loader has measured of the node and of the bare server, by rounds.
type bout struct{ node, bare []reading }

// compare has both servers loaded in turn, and makes sure that the node has counted
// what it has answered.
func (c *contest) compare(ctx context.Context, l *loader, connections []int, rounds int, round time.Duration) ([]row, error) {
	var rows []row
	answered := 0
	for _, n := range connections {
		b, err := c.bout(ctx, l, n, rounds, round)
		if err != nil {
			return nil, fmt.Errorf("%d connections over %s: %w", n, l.network, err)
		}
		for _, r := range b.node {
			answered += r.answered
		}
		rows = append(rows, b.rows(fmt.Sprintf("%s, %d connections", l.title(), n))...)
	}
	counted, err := c.counted()
	if err == nil && counted < answered {
		err = fmt.Errorf("%d answers were measured, and the node's metrics count %d", answered, counted)
	}
	return rows, err
}

// bout loads both servers in every round, in an order that turns from round to round.
func (c *contest) bout(ctx context.Context, l *loader, n, rounds int, round time.Duration) (b bout, err error) {
	node, bare := c.asks(l.network, contestPath)
	for i := range rounds {
		turns := []struct {
			server asking
			into   *[]reading
		}{{node, &b.node}, {bare, &b.bare}}
		if i%2 == 1 {
			slices.Reverse(turns)
		}
		for _, t := range turns {
			r, err := l.load(ctx, t.server, n, round)
			if err != nil {
				return bout{}, err
			}
			*t.into = append(*t.into, r)
		}
	}
	return b, nil
}

// rows shows medians of the rounds: of the ratios that each has by itself, of rates,
// and of percentiles.
func (b bout) rows(name string) []row {
	rates := func(r reading) float64 { return r.rate }
	var ratios []float64
	for i := range b.node {
		ratios = append(ratios, b.node[i].rate/b.bare[i].rate)
	}
	return duelRows(name, median(ratios), medianOf(b.node, rates), medianOf(b.bare, rates), waitsOf(b.node), waitsOf(b.bare))
}

func waitsOf(readings []reading) string {
	of := func(wait func(r reading) time.Duration) time.Duration {
		return time.Duration(medianOf(readings, func(r reading) float64 { return float64(wait(r)) }))
	}
	return wrote(
		of(func(r reading) time.Duration { return r.p50 }),
		of(func(r reading) time.Duration { return r.p99 }),
		of(func(r reading) time.Duration { return r.p999 }),
	)
}

func medianOf(readings []reading, value func(r reading) float64) float64 {
	values := make([]float64, 0, len(readings))
	for _, r := range readings {
		values = append(values, value(r))
	}
	return median(values)
}
