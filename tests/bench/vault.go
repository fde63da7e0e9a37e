package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"tokend/config"
)

const (
	manyKept     = 10_000 // services whose tokens are kept in a file
	warmWithin   = time.Second
	readRatio    = 1.1              // of a read where tokens are kept, to one where they are not
	refreshRatio = 1.3              // of processor time for a refresh, likewise
	refreshLife  = 20 * time.Second // of tokens that are refreshed all the time
	refreshFor   = 10 * time.Second // about as long as every service takes to be refreshed
	refreshTurns = 3
	benchKey     = "6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b"
)

// keptIn makes the house keep its tokens in a file of that directory.
func (h *house) keptIn(dir string) {
	h.cfg.Vault.Path = filepath.Join(dir, "vault", "tokens")
	h.cfg.Vault.Keys = []config.Secret{config.NewSecret(benchKey)}
}

// checkWarm measures a restart of a node that has kept many tokens: how long the
// start takes until the first answer, and how many acquisitions it causes.
func checkWarm() (_ []row, err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var asked atomic.Int64
	p := plan{services: manyKept, size: 200, memory: memorySealed, life: func(string) time.Duration { asked.Add(1); return time.Hour }}
	h := p.lay()
	h.keptIn(dir)
	if err := h.open(p); err != nil {
		return nil, err
	}
	h.awaitTokens()
	if err := h.close(); err != nil {
		return nil, err
	}
	asked.Store(0)
	began := time.Now()
	if err := h.open(p); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	if err := h.get(h.names[manyKept-1]); err != nil {
		return nil, err
	}
	first := time.Since(began)
	h.awaitTokens()
	time.Sleep(6 * time.Second) // what is due at a start is spread over 5 s
	name := fmt.Sprintf("%d services restarted", manyKept)
	return []row{
		within(name+", first answer", first, warmWithin),
		{name: name + ", acquisitions", ours: fmt.Sprint(asked.Load()), bound: "<= 0", broken: asked.Load() > 0},
	}, nil
}

// checkCost compares what a refresh costs where tokens are kept with what it costs
// where they are not, in time of the processor. The IdP is a process of its own,
// so that what it costs does not count.
func checkCost() (_ []row, err error) {
	idp, err := startIDP()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, idp.stop()) }()
	var with, without, ratios []float64
	for range refreshTurns {
		plain, err := idp.costOfRefresh(false)
		if err != nil {
			return nil, err
		}
		kept, err := idp.costOfRefresh(true)
		if err != nil {
			return nil, err
		}
		with, without, ratios = append(with, kept), append(without, plain), append(ratios, kept/plain)
	}
	got := median(ratios)
	return []row{{
		name: fmt.Sprintf("processor time of a refresh over HTTP, %d services, kept / not kept", manyKept),
		ours: nanoseconds(median(with)), theirs: nanoseconds(median(without)),
		ratio: fmt.Sprintf("%.2f", got), bound: fmt.Sprintf("<= %.2f", refreshRatio), broken: got > refreshRatio,
	}}, nil
}

// costOfRefresh lets services be refreshed for a while as their timers want it, and
// returns the nanoseconds that one refresh takes of the processor.
func (i *idp) costOfRefresh(keep bool) (_ float64, err error) {
	h := plan{services: manyKept, memory: memorySealed}.lay()
	for name := range h.cfg.Services {
		h.cfg.Services[name] = config.Service{
			Provider: config.KindClientCredentials,
			ClientCredentials: &config.ClientCredentials{
				TokenURL: i.url, ClientID: "bench", ClientSecret: config.NewSecret("bench"),
			},
		}
	}
	if keep {
		dir, err := os.MkdirTemp("", "bench")
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		h.keptIn(dir)
	}
	if err := h.open(plan{}); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	h.awaitTokens()
	time.Sleep(refreshLife / 2) // until the first of them are due
	cpu, refreshes := processorTime(), h.refreshes()
	time.Sleep(refreshFor)
	cpu, refreshes = processorTime()-cpu, h.refreshes()-refreshes
	switch {
	case cpu <= 0:
		return 0, errors.New("the time of the processor is not known here")
	case refreshes < manyKept/2:
		return 0, fmt.Errorf("only %d refreshes in %s", refreshes, refreshFor)
	}
	return float64(cpu.Nanoseconds()) / float64(refreshes), nil
}

func (h *house) refreshes() (n uint64) {
	for _, info := range h.sys.List() {
		n += info.Counters.Refreshes
	}
	return n
}

// The contenders of the group "vaultread": a read of a cached token takes no part
// in what is kept of it.
const (
	byKept   = "cached token by name, kept in a file"
	byUnkept = "cached token by name, not kept"
)

var vaultRead = group{
	name:   "vaultread",
	setUp:  setUpVaultRead,
	ratios: []ratio{{byKept, byUnkept, readRatio}},
	allocs: []allocs{{byKept, 0}},
}

func setUpVaultRead() (_ *arena, err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	p := plan{services: services, size: 200, memory: memoryPlain}
	unkept, err := p.build()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	h := p.lay()
	h.keptIn(dir)
	if err := h.open(p); err != nil {
		return nil, errors.Join(err, unkept.close(), os.RemoveAll(dir))
	}
	h.awaitTokens()
	return &arena{
		contenders: []contender{{byKept, readByName(h)}, {byUnkept, readByName(unkept)}},
		close:      func() error { return errors.Join(h.close(), unkept.close(), os.RemoveAll(dir)) },
	}, nil
}
