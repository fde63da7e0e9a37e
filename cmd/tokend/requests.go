package main

import (
	"net/http"
	"sync"
)

// requests counts those that are being answered.
type requests struct {
	mu    sync.Mutex
	count int
	quiet chan struct{} // closed when count becomes 0; nil while nobody waits for that
}

// counted returns next, counted.
func (r *requests) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.begin()
		defer r.end()
		next.ServeHTTP(w, req)
	})
}

func (r *requests) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
}

func (r *requests) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count--
	if r.count == 0 && r.quiet != nil {
		close(r.quiet)
		r.quiet = nil
	}
}

// ended is closed as soon as there is a moment without any request.
func (r *requests) ended() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.quiet == nil {
		r.quiet = make(chan struct{})
	}
	quiet := r.quiet
	if r.count == 0 {
		close(quiet)
		r.quiet = nil
	}
	return quiet
}
