package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"tokend/config"
	"tokend/messages"
	"tokend/system"
)

// acquireAll tries once to get each service's token and tells, in the order of the
// names, how that went. No more services are asked at a time than one host may be.
func (c *checkCommand) acquireAll(ctx context.Context, sys *system.System, cfg *config.Config) error {
	tried, err := tryAll(ctx, sys, cfg)
	if err != nil {
		return err
	}
	if err := c.tell(tried); err != nil {
		return err
	}
	failed := false
	for _, a := range tried {
		if a.Failure != nil {
			failed = true
			report(c.stderr, failureOf(a))
		}
	}
	switch {
	case len(tried) < len(cfg.Services):
		return interrupted(ctx)
	case failed:
		return reported(exitFailed)
	default:
		return nil
	}
}

// tryAll returns what the tries came to, less those that a signal ended.
func tryAll(ctx context.Context, sys *system.System, cfg *config.Config) ([]*system.Attempt, error) {
	names := slices.Sorted(maps.Keys(cfg.Services))
	tried, errs := make([]*system.Attempt, len(names)), make([]error, len(names))
	var (
		next   atomic.Int64
		asking sync.WaitGroup
	)
	for range min(cfg.Limits.InFlightPerHost, len(names)) {
		asking.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(names)); i = next.Add(1) - 1 {
				if ctx.Err() == nil {
					tried[i], errs[i] = sys.Try(ctx, names[i])
				}
				if a := tried[i]; a != nil && a.Failure != nil && ctx.Err() != nil {
					tried[i] = nil
				}
			}
		})
	}
	asking.Wait()
	return slices.DeleteFunc(tried, func(a *system.Attempt) bool { return a == nil }), internal(errors.Join(errs...))
}

// failureOf returns an attempt's failure as callers of a node would get it.
func failureOf(a *system.Attempt) error {
	return &messages.Error{
		Kind: messages.ErrorOf(a.Failure.Class), Service: a.Service, Class: a.Failure.Class, Cause: a.Failure,
	}
}
