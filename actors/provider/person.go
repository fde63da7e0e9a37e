package provider

import "context"

// ofPerson returns acquire with errors that say whose credentials were sent: those of
// a person, whom a lock-out policy may watch.
func ofPerson(acquire func(context.Context, Request) (Result, error)) func(context.Context, Request) (Result, error) {
	return func(ctx context.Context, req Request) (Result, error) {
		res, err := acquire(ctx, req)
		if err == nil {
			return res, nil
		}
		e := *Classify(err)
		e.Person = true
		return res, &e
	}
}
