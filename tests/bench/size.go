package main

import (
	"errors"
	"fmt"
	"runtime"
	"time"
)

const (
	many          = 100_000 // services
	manyTokenSize = 200
	bytesEach     = 3 << 10 // of heap, at most
	goroutinesAll = 100     // for all of them together, at most
	firstTokens   = 5 * time.Second
)

// footprint is what many services cost.
type footprint struct {
	heap       int64 // bytes for all of them, their tokens included
	goroutines int   // while nothing happens
	took       time.Duration
}

func checkSize() ([]row, error) {
	f, err := measureFootprint(plan{services: many, size: manyTokenSize, memory: memorySealed})
	if err != nil {
		return nil, err
	}
	each := f.heap / many
	name := fmt.Sprintf("%d services with a token of %d bytes", many, manyTokenSize)
	return []row{
		{
			name: name + ", heap of each", ours: fmt.Sprintf("%d B", each),
			bound: fmt.Sprintf("<= %d B", bytesEach), broken: each > bytesEach,
		},
		{
			name: name + ", goroutines at rest", ours: fmt.Sprint(f.goroutines),
			bound: fmt.Sprintf("<= %d", goroutinesAll), broken: f.goroutines > goroutinesAll,
		},
		within(name+", until each has its first", f.took, firstTokens),
	}, nil
}

// measureFootprint measures a house. The configuration is the caller's in any
// case, so it counts as there before.
func measureFootprint(p plan) (_ footprint, err error) {
	h := p.lay()
	goroutines, before := runtime.NumGoroutine(), liveHeap()
	began := time.Now()
	if err := h.open(p); err != nil {
		return footprint{}, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	h.awaitTokens()
	f := footprint{took: time.Since(began)}
	f.heap = liveHeap() - before
	f.goroutines = runtime.NumGoroutine() - goroutines
	runtime.KeepAlive(h)
	return f, nil
}

// liveHeap returns how many bytes of the heap are in use once garbage, and what
// finalizers and pools still held, is gone.
func liveHeap() int64 {
	for range 3 {
		runtime.GC()
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
