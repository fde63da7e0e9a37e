package main

import (
	"cmp"
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
	doorRounds = 21
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

// rows shows the best second of each server, as whatever else the machine does only
// ever takes from it, and what the rounds say by themselves.
func (b bout) rows(name string) []row {
	node, bare := best(b.node), best(b.bare)
	rows := duelRows(name, node.rate/bare.rate, node.rate, bare.rate, node.waits(), bare.waits())
	ratios := make([]float64, 0, len(b.node))
	for i := range b.node {
		ratios = append(ratios, b.node[i].rate/b.bare[i].rate)
	}
	return append(rows, row{name: name + ", median of the rounds' ratios", ours: "-", ratio: fmt.Sprintf("%.2f", median(ratios))})
}

// best returns the reading of the highest rate.
func best(readings []reading) reading {
	return slices.MaxFunc(readings, func(a, b reading) int { return cmp.Compare(a.rate, b.rate) })
}

func (r reading) waits() string { return wrote(r.p50, r.p99, r.p999) }
