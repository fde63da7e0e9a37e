package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tokend/config"
	"tokend/messages"
	"tokend/system"
)

// outcome is what the one attempt to get a service's token came to.
type outcome struct {
	token messages.Token
	err   error
	cut   bool // a signal ended the attempt, or it was not made because of one
}

// acquireAll gets each service's token once and tells, in the order of the names,
// how that went. No more services are asked at a time than one host may be.
func (c *checkCommand) acquireAll(ctx context.Context, cfg *config.Config) error {
	names := slices.Sorted(maps.Keys(cfg.Services))
	outcomes := make([]chan outcome, len(names))
	for i := range outcomes {
		outcomes[i] = make(chan outcome, 1)
	}
	var (
		next   atomic.Int64
		asking sync.WaitGroup
	)
	for range min(cfg.Limits.InFlightPerHost, len(names)) {
		asking.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(names)); i = next.Add(1) - 1 {
				outcomes[i] <- attempt(ctx, cfg, names[i])
			}
		})
	}
	defer asking.Wait()
	return c.tellAll(ctx, names, outcomes)
}

func (c *checkCommand) tellAll(ctx context.Context, names []string, outcomes []chan outcome) error {
	failed, cut := false, false
	for i, name := range names {
		switch o := <-outcomes[i]; {
		case o.cut:
			cut = true
		case o.err != nil:
			failed = true
			report(c.stderr, once(o.err))
		default:
			c.tell(name, o.token)
		}
	}
	switch {
	case cut:
		return interrupted(ctx)
	case failed:
		return reported(exitFailed)
	default:
		return nil
	}
}

// once returns err without the number of the attempt and the time of the next:
// there is one attempt here.
func once(err error) error {
	e, ok := errors.AsType[*messages.Error](err)
	if !ok {
		return err
	}
	alone := *e
	alone.Attempts, alone.NextTry = 0, time.Time{}
	return &alone
}

func (c *checkCommand) tell(name string, token messages.Token) {
	life := "never expires"
	if !token.ExpiresAt.IsZero() {
		life = "expires " + from(token.ExpiresAt, time.Now())
	}
	_, _ = fmt.Fprintf(c.stdout, "%s: acquired, %s, fingerprint %s\n", name, life, token.Fingerprint)
}

func attempt(ctx context.Context, cfg *config.Config, name string) outcome {
	token, err := acquire(ctx, cfg, name)
	return outcome{token: token, err: err, cut: err != nil && ctx.Err() != nil}
}

// acquire gets one service's token in a system of its own, which ends with the
// answer: a service that fails is not tried again while others are waited for,
// and nobody's time passes while others have their turn.
func acquire(ctx context.Context, cfg *config.Config, name string) (_ messages.Token, err error) {
	alone, svc := *cfg, cfg.Services[name]
	svc.Sinks = nil // a check writes no file
	alone.Services = map[string]config.Service{name: svc}
	alone.Vault.Path, alone.Vault.Keys = "", nil // a kept token would say nothing, and the node has the file
	sys, err := system.New(&alone, system.WithLogger(discard()))
	if err != nil {
		return messages.Token{}, err
	}
	defer func() {
		if e := stopSystem(ctx, sys); err == nil {
			err = e
		}
	}()
	if err := sys.Start(ctx); err != nil {
		return messages.Token{}, internal(err)
	}
	timeout, err := sys.Timeout(name)
	if err != nil {
		return messages.Token{}, err
	}
	// Who waits no longer than the attempt may take learns nothing of the reason.
	bound, cancel := context.WithTimeout(ctx, timeout+time.Second)
	defer cancel()
	return sys.Token(bound, name)
}

// stopSystem ends sys, in bounded time, whether ctx has ended or not.
func stopSystem(ctx context.Context, sys *system.System) error {
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	return internal(sys.Stop(bound))
}
