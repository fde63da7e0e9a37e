package main

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestAMomentWithoutRequestsIsAwaited(t *testing.T) {
	r := &requests{}
	if !isClosed(r.ended()) {
		t.Error("there is no request, and that is not told")
	}
	r.begin()
	r.begin()
	first, second := r.ended(), r.ended()
	r.end()
	if isClosed(first) {
		t.Error("one of two has ended, and that is enough")
	}
	r.end()
	if !isClosed(first) || !isClosed(second) {
		t.Error("both have ended, and that is not told to both")
	}
	r.begin()
	if again := r.ended(); isClosed(again) {
		t.Error("an earlier moment counts")
	} else if r.end(); !isClosed(again) {
		t.Error("it is told once only")
	}
}

func TestRequestsAreCountedUntilTheirEnd(t *testing.T) {
	r := &requests{}
	var ended <-chan struct{}
	h := r.counted(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if ended = r.ended(); isClosed(ended) {
			t.Error("the request does not count")
		}
	}))
	h.ServeHTTP(nil, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if !isClosed(ended) {
		t.Error("the request has not ended")
	}
}

// Whoever waits is told however ends and the waiting meet.
func TestNoMomentWithoutRequestsIsMissed(t *testing.T) {
	r := &requests{}
	for range 2000 {
		var ends sync.WaitGroup
		for range 2 {
			r.begin()
			ends.Go(r.end)
		}
		ended := r.ended()
		ends.Wait()
		if !isClosed(ended) {
			t.Fatal("all have ended, and that is not told")
		}
	}
}
