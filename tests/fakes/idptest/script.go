package idptest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"tokend/actors/provider"
	"tokend/messages"
)

// Kind is the kind of provider that services of a [Script] have.
const Kind = "scripted"

// Canary is part of every token and of every text that must not be shown.
const Canary = "cAnArY5ecret"

// Call is what a [Step] is told about the call it answers.
type Call struct {
	Service  string
	Number   int       // counts the service's calls, from 1
	At       time.Time // when it began
	Previous provider.State

	script *Script
}

// Step answers one call.
type Step func(ctx context.Context, call Call) (provider.Result, error)

// Script is an identity provider for any number of services. Its methods may be
// called concurrently.
type Script struct {
	mu       sync.Mutex
	services map[string]*record
	order    []string
	inFlight int
	peak     int
}

// record is what a Script knows of one service.
type record struct {
	steps    []Step
	calls    []time.Time
	issued   []Issue
	inFlight int
	peak     int
}

// Issue is a token that was handed out.
type Issue struct {
	Fingerprint string
	Expires     time.Time
	value       string
}

// New returns a Script in which every call of every service brings a new token
// that lives for an hour.
func New() *Script { return &Script{services: map[string]*record{}} }

// Play has the service's next calls answered by steps, one a call; the last one
// answers all that follow.
func (s *Script) Play(service string, steps ...Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(service).steps = slices.Clone(steps)
}

// Provider is a factory for providers of [Kind]. The option "host" names the
// host that the provider says it calls; without it every service has its own.
func (s *Script) Provider(name string, options map[string]any) (provider.Provider, error) {
	host := name + ".idp.test:443"
	if asked, ok := options["host"]; ok {
		host = fmt.Sprint(asked)
	}
	return &scripted{script: s, host: host}, nil
}

type scripted struct {
	script *Script
	host   string
}

func (p *scripted) Host() string { return p.host }

func (p *scripted) Acquire(ctx context.Context, req provider.Request) (provider.Result, error) {
	step, call := p.script.enter(req)
	defer p.script.leave(req.Service)
	return step(ctx, call)
}

func (s *Script) enter(req provider.Request) (Step, Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.of(req.Service)
	now := time.Now()
	r.calls = append(r.calls, now)
	s.order = append(s.order, req.Service)
	r.inFlight++
	r.peak = max(r.peak, r.inFlight)
	s.inFlight++
	s.peak = max(s.peak, s.inFlight)
	call := Call{Service: req.Service, Number: len(r.calls), At: now, Previous: req.Previous, script: s}
	return r.next(), call
}

func (s *Script) leave(service string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(service).inFlight--
	s.inFlight--
}

// of returns the service's record; the caller holds the lock.
func (s *Script) of(service string) *record {
	r, ok := s.services[service]
	if !ok {
		r = &record{}
		s.services[service] = r
	}
	return r
}

// next returns the step of the call that was just written down.
func (r *record) next() Step {
	if len(r.steps) == 0 {
		return Token(time.Hour)
	}
	step := r.steps[0]
	if len(r.steps) > 1 {
		r.steps = r.steps[1:]
	}
	return step
}

// issue makes the service's next token.
func (s *Script) issue(service string, life time.Duration) Issue {
	return s.issueAfter("", service, life)
}

// issueAfter is issue of a token that begins with prefix.
func (s *Script) issueAfter(prefix, service string, life time.Duration) Issue {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.of(service)
	value := fmt.Sprintf("%s%s-%s-%d", prefix, Canary, service, len(r.issued)+1)
	issue := Issue{Fingerprint: messages.Fingerprint(value), Expires: time.Now().Add(life), value: value}
	r.issued = append(r.issued, issue)
	return issue
}

// Calls returns when the service was called.
func (s *Script) Calls(service string) []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.of(service).calls)
}

// Count returns how often the service was called.
func (s *Script) Count(service string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.of(service).calls)
}

// Order returns the services that were called, in the order of the calls.
func (s *Script) Order() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.order)
}

// Issued returns the tokens that the service was given.
func (s *Script) Issued(service string) []Issue {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.of(service).issued)
}

// InFlight returns how many calls are being answered, of all services.
func (s *Script) InFlight() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inFlight
}

// Peak returns how many calls were ever answered at the same time, of all
// services together and of that service which had the most.
func (s *Script) Peak() (all, one int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.services {
		one = max(one, r.peak)
	}
	return s.peak, one
}
