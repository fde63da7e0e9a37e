package httpapi

import (
	"cmp"
	"context"
	"sync"
	"time"
)

// deadline is a request's context that ends at a time as well. Its timer starts
// when somebody wants to wait: a token that is there already is answered without
// one, which saves most of what this door costs.
type deadline struct {
	context.Context // the request's

	at     time.Time
	once   sync.Once
	timed  context.Context // after once
	cancel context.CancelFunc
}

func within(parent context.Context, bound time.Duration) *deadline {
	return &deadline{Context: parent, at: time.Now().Add(bound)}
}

// Deadline returns when it ends at the latest.
func (d *deadline) Deadline() (time.Time, bool) {
	if at, ok := d.Context.Deadline(); ok && at.Before(d.at) {
		return at, true
	}
	return d.at, true
}

// Done starts the timer.
func (d *deadline) Done() <-chan struct{} {
	d.once.Do(func() { d.timed, d.cancel = spared(d.Context, d.at) })
	return d.timed.Done()
}

// How long a request has still whose time came while the process was stopped.
const (
	mercy = 3 * time.Second        // a little more than what answers it has
	busy  = 250 * time.Millisecond // how late a busy machine may notice that it is time
)

// spared returns a context that ends at a time, or a while later if the process was
// stopped then: what the request waits for may have come meanwhile.
func spared(parent context.Context, at time.Time) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	timer := time.AfterFunc(time.Until(at), func() {
		if late := time.Since(at); late > busy {
			more := time.NewTimer(min(late, mercy))
			defer more.Stop()
			select {
			case <-more.C:
			case <-ctx.Done():
			}
		}
		cancel(context.DeadlineExceeded)
	})
	return ctx, func() { timer.Stop(); cancel(nil) }
}

// Err agrees with Done also before that was called.
func (d *deadline) Err() error {
	select {
	case <-d.Context.Done():
		return d.Context.Err()
	default:
	}
	if time.Now().Before(d.at) {
		return nil
	}
	done := d.Done()
	if time.Since(d.at) <= busy {
		<-done // the same clock: it is closed, or just about to be
	}
	select {
	case <-done:
		return cmp.Or(context.Cause(d.timed), d.timed.Err())
	default:
		return nil
	}
}

// stop frees the timer. Who waits on the context from now on waits no more.
func (d *deadline) stop() {
	d.once.Do(func() { d.timed, d.cancel = ended, func() {} })
	d.cancel()
}

// ended is a context that has ended; it is shared because stop is called for
// every request.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()
