package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	mixedCallers = 60
	mixedFor     = 6 * time.Second
	mixedPause   = time.Millisecond // of a caller between two calls
	mixedShort   = 3 * time.Second  // life of the tokens of one service in ten
	mixedHits    = 0.80             // of all calls, at least
)

// checkMixed measures how many callers get a token without waiting while much
// goes on at once: services that nobody has asked for yet, tokens that live for
// seconds, an identity provider that takes its time, tokens that are invalidated,
// some services wanted far more often than others, and callers at every door.
func checkMixed() (_ []row, err error) {
	h, err := plan{
		services: services, size: 200, memory: memorySealed, lazy: true, life: mixedLife, delay: 5 * time.Millisecond,
	}.build()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	d, err := openDoor(h.sys)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := mix(h, d); err != nil {
		return nil, err
	}
	rate, calls := hitRate(h)
	return []row{{
		name: fmt.Sprintf("hit rate of %d calls in a mixed workload", calls),
		ours: fmt.Sprintf("%.2f %%", 100*rate), bound: fmt.Sprintf(">= %.0f %%", 100*mixedHits), broken: rate < mixedHits,
	}}, nil
}

func mixedLife(service string) time.Duration {
	if service[len(service)-1] == '0' {
		return mixedShort
	}
	return time.Hour
}

// mix lets callers call for a while.
func mix(h *house, d *door) error {
	ctx, cancel := context.WithTimeout(context.Background(), mixedFor)
	defer cancel()
	doors := []func(name string) error{h.get, h.get, h.get, h.ask, d.get}
	errs := make([]error, mixedCallers)
	var wg sync.WaitGroup
	for n := range mixedCallers {
		wg.Go(func() { errs[n] = h.call(ctx, uint64(n), doors[n%len(doors)]) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// call gets tokens until ctx ends, and invalidates one in a thousand.
func (h *house) call(ctx context.Context, seed uint64, get func(name string) error) error {
	random := rand.New(rand.NewPCG(seed, seed))
	popular := rand.NewZipf(random, 1.1, 1, uint64(len(h.names)-1))
	tick := time.NewTicker(mixedPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		name := h.names[popular.Uint64()]
		if err := get(name); err != nil {
			return fmt.Errorf("token of %s: %w", name, err)
		}
		if random.IntN(1000) == 0 {
			if _, err := h.sys.Invalidate(context.Background(), name, ""); err != nil {
				return fmt.Errorf("invalidate token of %s: %w", name, err)
			}
		}
	}
}

// hitRate returns how many of the calls that tokend counted were hits.
func hitRate(h *house) (rate float64, calls uint64) {
	var hits uint64
	for _, info := range h.sys.List() {
		hits += info.Counters.Hits
		calls += info.Counters.Hits + info.Counters.Misses
	}
	return float64(hits) / float64(calls), calls
}
