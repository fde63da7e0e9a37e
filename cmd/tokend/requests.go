package main

import (
	"net/http"
	"sync"
	"sync/atomic"
)

// requests counts those that are being answered.
type requests struct {
	count   atomic.Int64
	awaited atomic.Bool // quiet is there: so that nobody takes the lock for nothing
	mu      sync.Mutex
	quiet   chan struct{} // closed when count is 0; nil while nobody waits for that
}

// counted returns next, counted.
func (r *requests) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.begin()
		defer r.end()
		next.ServeHTTP(w, req)
	})
}

func (r *requests) begin() { r.count.Add(1) }

func (r *requests) end() {
	if r.count.Add(-1) == 0 && r.awaited.Load() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.settle()
	}
}

// ended is closed as soon as there is a moment without any request.
func (r *requests) ended() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.quiet == nil {
		r.quiet = make(chan struct{})
		r.awaited.Store(true)
	}
	quiet := r.quiet
	r.settle()
	return quiet
}

// settle tells whoever waits, if there is no request now. Where there is one again
// its end will do it, for that sees awaited.
func (r *requests) settle() {
	if r.quiet != nil && r.count.Load() == 0 {
		close(r.quiet)
		r.quiet = nil
		r.awaited.Store(false)
	}
}
