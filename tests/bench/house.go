package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/sirupsen/logrus"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/messages"
	"tokend/system"
)

// kind is the provider kind of services whose tokens the process makes itself.
const kind = "bench"

// How a vault keeps tokens in memory.
const (
	memoryPlain  = "plain"
	memorySealed = "sealed"
)

// plan is what a house is to be like.
type plan struct {
	services int
	size     int    // of a token in bytes
	memory   string // how the vault keeps them
	lazy     bool   // acquired at first need
	life     func(service string) time.Duration
	delay    time.Duration // before the provider answers
}

// house is a running system.
type house struct {
	sys   *system.System
	cfg   *config.Config
	names []string
}

// lay returns a house whose system is not made yet.
func (p plan) lay() *house {
	h := &house{names: make([]string, p.services)}
	eager := !p.lazy
	h.cfg = &config.Config{
		Vault:    config.Vault{Memory: p.memory},
		Defaults: config.Settings{Eager: &eager},
		Services: make(map[string]config.Service, p.services),
	}
	for i := range h.names {
		h.names[i] = fmt.Sprintf("service-%06d", i)
		h.cfg.Services[h.names[i]] = config.Service{Provider: kind}
	}
	return h
}

// build returns a house in which every service has its token, unless the plan
// says that it comes at first need.
func (p plan) build() (*house, error) {
	h := p.lay()
	if err := h.open(p); err != nil {
		return nil, err
	}
	if !p.lazy {
		h.awaitTokens()
	}
	return h, nil
}

// open makes and starts the system.
func (h *house) open(p plan) error {
	sys, err := system.New(h.cfg, system.WithLogger(silent()), system.WithProvider(kind, p.provider))
	if err != nil {
		return err
	}
	h.sys = sys
	return sys.Start(context.Background())
}

// close stops the system and waits for its end.
func (h *house) close() error { return h.sys.Stop(context.Background()) }

// awaitTokens returns when every service has had a token.
func (h *house) awaitTokens() {
	for _, name := range h.names {
		for expired, err := h.sys.Expired(name); expired && err == nil; expired, err = h.sys.Expired(name) {
			time.Sleep(time.Millisecond)
		}
	}
}

// provider makes the provider of one service: it answers with a new token of the
// plan's size and keeps nothing.
func (p plan) provider(string, map[string]any) (provider.Provider, error) {
	return provider.Func(func(ctx context.Context, req provider.Request) (provider.Result, error) {
		if p.delay > 0 {
			select {
			case <-time.After(p.delay):
			case <-ctx.Done():
				return provider.Result{}, ctx.Err()
			}
		}
		life := time.Hour
		if p.life != nil {
			life = p.life(req.Service)
		}
		return provider.Result{AccessToken: messages.NewSecret(newToken(p.size)), Lifetime: life}, nil
	}), nil
}

func newToken(size int) string {
	raw := make([]byte, size/2)
	_, _ = rand.Read(raw) // never fails, see crypto/rand
	return hex.EncodeToString(raw)
}

func silent() *logrus.Logger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	log.SetLevel(logrus.ErrorLevel)
	return log
}
