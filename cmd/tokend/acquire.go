package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"tokend/config"
	"tokend/messages"
	"tokend/system"
)

// acquireAll tries once to get the token of each chosen service and tells, in the
// order of the names, how that went. No more services are asked at a time than one
// host may be.
func (c *checkCommand) acquireAll(ctx context.Context, sys *system.System, cfg *config.Config) error {
	chosen, err := c.chosen.choose(cfg)
	if err != nil {
		return err
	}
	var about []string
	if node := runningNode(ctx, cfg); node != "" {
		about = []string{node + besideNode}
		complain(c.stderr, "warning", about[0])
	}
	verdicts, err := tryAll(ctx, sys, cfg, chosen)
	if err != nil {
		return err
	}
	if err := c.tell(verdicts, about); err != nil {
		return err
	}
	return c.conclude(ctx, verdicts, len(verdicts) == len(chosen))
}

// besideNode says what a check can do to a node.
const besideNode = ": where a server keeps one token alive at a time, a try ends the token of the node; set newest_wins: true for such a service, and a check leaves it out"

// conclude reports the failures; whole is false if a signal came before the end.
func (c *checkCommand) conclude(ctx context.Context, verdicts []verdict, whole bool) error {
	failed := false
	for _, v := range verdicts {
		failed = failed || v.failed()
		switch {
		case v.Failure != nil:
			report(c.stderr, failureOf(v.Attempt))
		case v.failed():
			_, _ = fmt.Fprintf(c.stderr, "tokend: skipped: %s: %s\n", v.Service, v.advice())
		}
	}
	switch {
	case !whole:
		return interrupted(ctx)
	case failed:
		return reported(exitFailed)
	default:
		return nil
	}
}

// tryAll returns the verdicts, less those that a signal ended.
func tryAll(ctx context.Context, sys *system.System, cfg *config.Config, chosen []pick) ([]verdict, error) {
	verdicts, errs := make([]verdict, len(chosen)), make([]error, len(chosen))
	var (
		next   atomic.Int64
		asking sync.WaitGroup
	)
	for range min(cfg.Limits.InFlightPerHost, len(chosen)) {
		asking.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(chosen)); i = next.Add(1) - 1 {
				if ctx.Err() == nil {
					verdicts[i], errs[i] = try(ctx, sys, cfg, chosen[i])
				}
				if a := verdicts[i].Attempt; a != nil && a.Failure != nil && ctx.Err() != nil {
					verdicts[i].Attempt = nil
				}
			}
		})
	}
	asking.Wait()
	return slices.DeleteFunc(verdicts, func(v verdict) bool { return v.Attempt == nil }), internal(errors.Join(errs...))
}

// try tries one service, unless that is to be skipped.
func try(ctx context.Context, sys *system.System, cfg *config.Config, c pick) (verdict, error) {
	v := verdict{skipped: c.skipped, named: c.named}
	if c.skipped != "" {
		v.Attempt = &system.Attempt{Service: c.service, Provider: cfg.Services[c.service].Provider}
		return v, nil
	}
	var err error
	v.Attempt, err = sys.Try(ctx, c.service)
	return v, err
}

// failureOf returns an attempt's failure as callers of a node would get it.
func failureOf(a *system.Attempt) error {
	return &messages.Error{
		Kind: messages.ErrorOf(a.Failure.Class), Service: a.Service, Class: a.Failure.Class, Cause: a.Failure,
	}
}
