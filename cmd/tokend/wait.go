package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"tokend/system/httpapi"
)

// The pauses between two attempts of a command that waits.
const (
	firstWait = 50 * time.Millisecond
	mostWait  = time.Second
)

// persist tries until that succeeds, waiting is of no use, or the time of --wait is
// up. Then the last error that says something is returned.
func (n *node) persist(ctx context.Context, method string, try func(ctx context.Context) error) error {
	if n.until.IsZero() {
		return try(ctx)
	}
	whole := ctx
	ctx, cancel := context.WithDeadline(whole, n.until)
	defer cancel()
	var last error
	for pause := firstWait; ; pause = min(2*pause, mostWait) {
		err := try(ctx)
		if err == nil || !worthWaiting(method, err) || whole.Err() != nil {
			return err
		}
		if last == nil || ctx.Err() == nil { // of an attempt that was cut off there is less to tell
			last = err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		switch {
		case whole.Err() != nil:
			return interrupted(whole)
		case ctx.Err() != nil:
			return last
		}
	}
}

// waits reports whether there is the time and a reason for one more attempt after a
// pause.
func (n *node) waits(err error, pause time.Duration) bool {
	return time.Until(n.until) > pause && worthWaiting(http.MethodGet, err)
}

// worthWaiting reports whether a node that answers so may soon answer otherwise. What
// has it do something is asked again only if it did not get there.
func worthWaiting(method string, err error) bool {
	if method != http.MethodGet {
		op, ok := errors.AsType[*net.OpError](err)
		return ok && op.Op == "dial"
	}
	if p, ok := errors.AsType[*httpapi.Problem](err); ok {
		return p.Status >= http.StatusInternalServerError || p.Status == http.StatusTooManyRequests
	}
	f, ok := errors.AsType[*failure](err)
	return ok && (f.code == httpapi.CodeUnavailable || f.code == httpapi.CodeTimeout) && !disbelieved(err)
}
