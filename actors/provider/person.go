package provider

import (
	"context"

	"tokend/messages"
)

// ofPerson returns acquire with errors that say whose credentials were sent: those of
// a person, whom a lock-out policy may watch. Some servers say with a refusal when
// another attempt is possible: it counts as one more all the same, so it does not
// come soon.
func ofPerson(acquire func(context.Context, Request) (Result, error)) func(context.Context, Request) (Result, error) {
	return func(ctx context.Context, req Request) (Result, error) {
		res, err := acquire(ctx, req)
		if err == nil {
			return res, nil
		}
		e := *Classify(err)
		e.Person = true
		if e.Class == messages.ClassThrottled && (refuses(e.Status) || refusesLogin(e.Status)) {
			e.Sparing = true
		}
		return res, &e
	}
}
