package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

// attempts is how often a check is made before its bounds count as broken.
const attempts = 3

var errBroken = errors.New("a bound was broken in every attempt")

// check measures something and compares it with its bounds.
type check struct {
	name string
	run  func() ([]row, error)
}

// checks returns everything that is measured, that of the heap first, while
// nothing else has left its traces there.
func checks() []check {
	all := []check{{"size", checkSize}}
	for _, g := range groups {
		all = append(all, check{g.name, g.check})
	}
	all = append(all, check{"first", checkFirst}, check{"latency", checkLatency}, check{"http", checkHTTP})
	for _, l := range loaders {
		all = append(all, check{"doors-" + l.network, l.check})
	}
	return append(all, check{"siege", checkSiege}, check{"mixed", checkMixed}, check{"vaultwarm", checkWarm}, check{"vaultcost", checkCost})
}

func main() {
	if os.Getenv(idpEnv) != "" {
		if err := beIDP(); err != nil {
			fmt.Fprintf(os.Stderr, "bench: %v\n", err)
			os.Exit(1)
		}
		return
	}
	testing.Init()
	only := flag.String("only", "", "make only the checks whose name begins so")
	flag.Parse()
	if err := run(os.Stdout, *only); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run(w io.Writer, only string) error {
	var rows []row
	var errs []error
	for _, c := range checks() {
		if !strings.HasPrefix(c.name, only) {
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring %s\n", c.name)
		got, err := c.attempt()
		rows = append(rows, got...)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.name, err))
		}
	}
	if err := printTable(w, rows); err != nil {
		return err
	}
	return errors.Join(errs...)
}

// attempt makes the check until its bounds hold, or it was made often enough.
func (c check) attempt() ([]row, error) {
	for n := 1; ; n++ {
		rows, err := c.run()
		if err != nil {
			return nil, err
		}
		if hold(rows) {
			return rows, nil
		}
		if n == attempts {
			return rows, errBroken
		}
		fmt.Fprintf(os.Stderr, "measuring %s again: a bound was broken in attempt %d of %d\n", c.name, n, attempts)
	}
}
