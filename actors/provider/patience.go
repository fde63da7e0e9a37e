package provider

import (
	"context"
	"time"
)

// patience is how long an exchange whose answer must not get lost waits for it
// after the acquisition was called off: the service was configured anew, or the
// node stops.
const patience = 2 * time.Second

type patientKey struct{}

// patient returns a context for exchanges that use something up: once the request
// may be on its way, nobody but the answer knows what has taken its place. Its
// deadline stays that of ctx.
func patient(ctx context.Context) context.Context { return context.WithValue(ctx, patientKey{}, true) }

func isPatient(ctx context.Context) bool { return ctx.Value(patientKey{}) != nil }

// apart returns a context that ends at the deadline of ctx, but not when that is
// called off.
func apart(ctx context.Context) (context.Context, func()) {
	own := context.WithoutCancel(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		return Within(own, time.Until(deadline))
	}
	return own, func() {}
}

// watch ends a patient exchange some time after ctx was called off, and at once
// when nothing was sent yet or when time is up.
func (x *exchange) watch(ctx context.Context) {
	if ctx.Err() != nil { // before anything can be sent
		x.cancel(context.Cause(ctx))
		return
	}
	stop := context.AfterFunc(ctx, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.phase == connecting || ctx.Err() == context.DeadlineExceeded {
			x.cancel(context.Cause(ctx))
			return
		}
		x.reprieve = newAlarm(patience, func() { x.cancel(context.Cause(ctx)) })
	})
	before := x.unbind
	x.unbind = func() { stop(); before() }
}
