package httpapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tokend/messages"
)

const secretValue = "sec-ret.VALUE_1"

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fakeKeeper knows the services billing (fine), forever (no expiry) and those in
// fails.
type fakeKeeper struct {
	fails     map[string]error
	panics    any
	readiness messages.Readiness
	hang      bool
	deadline  time.Duration // how long the last call might wait
	minTTL    time.Duration
	asked     []string

	commands []string // what was refreshed or invalidated
	current  bool     // the answer to Invalidate
	history
}

// history is one that keeps three events.
type history struct {
	mu      sync.Mutex
	entries []messages.Entry
	last    uint64
	more    chan struct{}
	ended   bool
}

func (h *history) publish(events ...messages.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range events {
		h.last++
		h.entries = append(h.entries, messages.Entry{ID: h.last, Event: e})
	}
	h.entries = h.entries[max(0, len(h.entries)-3):]
	h.wake()
}

func (h *history) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	h.wake()
}

func (h *history) wake() {
	if h.more != nil {
		close(h.more)
		h.more = nil
	}
}

func (h *history) LastEvent() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}

func (h *history) EventsAfter(id uint64, entries []messages.Entry) ([]messages.Entry, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.last - uint64(len(h.entries))
	if id < before || id > h.last {
		id = before
		entries = append(entries, messages.Entry{ID: id})
	}
	entries = append(entries, h.entries[id-before:]...)
	if h.ended {
		return entries, nil
	}
	if h.more == nil {
		h.more = make(chan struct{})
	}
	return entries, h.more
}

func (k *fakeKeeper) Refresh(ctx context.Context, service string) error {
	k.note(ctx, 0, service)
	k.commands = append(k.commands, "refresh "+service)
	return k.known(service)
}

func (k *fakeKeeper) Invalidate(ctx context.Context, service, fingerprint string) (bool, error) {
	k.note(ctx, 0, service)
	k.commands = append(k.commands, "invalidate "+service+" "+fingerprint)
	return k.current, k.known(service)
}

func newFake() *fakeKeeper {
	return &fakeKeeper{readiness: messages.Readiness{Ready: true}, fails: map[string]error{}}
}

func billing() messages.Token {
	return messages.Token{
		Service: "billing", Type: "Bearer", State: messages.StateFresh, Fingerprint: "0123456789ab",
		Generation: 7, Scopes: []string{"read", "write"}, CreatedAt: noon, ExpiresAt: noon.Add(90*time.Second + 999*time.Millisecond),
	}.WithValue(messages.NewSecret(secretValue))
}

// AppendCached has nothing at hand: every token takes TokenMinTTL.
func (k *fakeKeeper) AppendCached(dst []byte, _ string, _ time.Duration) ([]byte, messages.Token, bool) {
	return dst, messages.Token{}, false
}

func (k *fakeKeeper) TokenMinTTL(ctx context.Context, service string, minTTL time.Duration) (messages.Token, error) {
	if k.panics != nil {
		panic(k.panics)
	}
	k.note(ctx, minTTL, service)
	if k.hang {
		<-ctx.Done()
		return messages.Token{}, &messages.Error{Kind: messages.ErrTimeout, Service: service, Cause: ctx.Err()}
	}
	return k.token(service)
}

func (k *fakeKeeper) token(service string) (messages.Token, error) {
	if err := k.known(service); err != nil {
		return messages.Token{}, err
	}
	t := billing()
	t.Service = service
	if service == "forever" {
		t.ExpiresAt, t.Scopes = time.Time{}, nil
	}
	return t, nil
}

func (k *fakeKeeper) note(ctx context.Context, minTTL time.Duration, services ...string) {
	k.deadline = 0
	if at, ok := ctx.Deadline(); ok {
		k.deadline = time.Until(at)
	}
	k.minTTL, k.asked = minTTL, services
}

func (k *fakeKeeper) known(service string) error {
	if err := k.fails[service]; err != nil {
		return err
	}
	if service != "billing" && service != "forever" {
		return &messages.Error{Kind: messages.ErrUnknownService, Service: service}
	}
	return nil
}

func (k *fakeKeeper) TokensByName(ctx context.Context, minTTL time.Duration, services ...string) (map[string]messages.Token, map[string]error) {
	k.note(ctx, minTTL, services...)
	tokens, errs := map[string]messages.Token{}, map[string]error{}
	for _, s := range services {
		if t, err := k.token(s); err != nil {
			errs[s] = err
		} else {
			tokens[s] = t
		}
	}
	return tokens, errs
}

func (k *fakeKeeper) Info(_ context.Context, service string) (messages.TokenInfo, error) {
	if err := k.known(service); err != nil {
		return messages.TokenInfo{}, err
	}
	return messages.TokenInfo{
		Service: service, Provider: "login", State: messages.StateDegraded,
		CreatedAt: noon, ExpiresAt: noon.Add(time.Hour), RefreshAt: noon.Add(45 * time.Minute), WarnAt: noon.Add(55 * time.Minute),
		RefreshThreshold: 15 * time.Minute, TokenType: "Bearer", Scopes: []string{"read"}, ScopesMissing: []string{"write"}, Generation: 2, Fingerprint: "0123456789ab",
		Required: true, Eager: true,
		LastError: &messages.Failure{Class: messages.ClassTransient, Text: "refused", At: noon, Attempts: 3, NextTry: noon.Add(time.Minute)},
		Counters:  messages.Counters{Hits: 1, Misses: 2, Refreshes: 3, Failures: 4},
	}, nil
}

func (k *fakeKeeper) List() []messages.TokenInfo {
	return []messages.TokenInfo{{Service: "billing", Provider: "static", State: messages.StateEmpty}}
}

func (k *fakeKeeper) Readiness() messages.Readiness { return k.readiness }

func (k *fakeKeeper) Timeout(service string) (time.Duration, error) {
	if _, ok := k.fails[service]; ok {
		return 10 * time.Second, nil
	}
	if service == "forever" {
		return 2 * time.Minute, nil
	}
	return 10 * time.Second, k.known(service)
}

func newDoor(k Keeper) http.Handler {
	return New(k, Options{Now: func() time.Time { return noon }})
}

// call sends a request whose target is not cleaned in any way.
func call(t *testing.T, h http.Handler, method, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body)))
	return rec
}
