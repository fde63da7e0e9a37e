package provider_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"tokend/actors/provider"
	"tokend/messages"
)

// A host application's own way to a token is a function.
func ExampleFunc() {
	own := provider.Func(func(context.Context, provider.Request) (provider.Result, error) {
		return provider.Result{
			AccessToken: messages.NewSecret("s3cr3t"),
			Lifetime:    15 * time.Minute,
		}, nil
	})
	res, err := provider.Acquire(context.Background(), own, provider.Request{Service: "billing"})
	fmt.Println(res.AccessToken, res.Type, res.Lifetime, err)
	// Output: [redacted] Bearer 15m0s <nil>
}

// An *Error says what a failure means; anything else is taken as transient, and
// its text is not shown.
func ExampleError() {
	locked := provider.Func(func(context.Context, provider.Request) (provider.Result, error) {
		return provider.Result{}, &provider.Error{Class: messages.ClassRejected, Text: "account is locked: ask its owner"}
	})
	vague := provider.Func(func(context.Context, provider.Request) (provider.Result, error) {
		return provider.Result{}, errors.New("password hunter2 is wrong")
	})
	for _, p := range []provider.Provider{locked, vague} {
		_, err := provider.Acquire(context.Background(), p, provider.Request{Service: "billing"})
		e, _ := errors.AsType[*provider.Error](err)
		fmt.Printf("%s: %s\n", e.Class, e.Text)
	}
	// Output:
	// rejected: account is locked: ask its owner
	// transient: provider returned a *errors.errorString: return a *provider.Error to show its text
}

// State carries what a provider needs at the next acquisition, here a counter.
func ExampleState() {
	counter := provider.Func(func(_ context.Context, req provider.Request) (provider.Result, error) {
		n, _ := strconv.Atoi(string(req.Previous.Bytes())) // nothing at first: 0
		return provider.Result{
			AccessToken: messages.NewSecret(fmt.Sprintf("token-%d", n)),
			Lifetime:    time.Minute,
			State:       provider.NewState([]byte(strconv.Itoa(n + 1))),
		}, nil
	})
	var kept provider.State
	for range 3 {
		res, err := provider.Acquire(context.Background(), counter, provider.Request{Service: "billing", Previous: kept})
		if err != nil {
			fmt.Println(err)
			return
		}
		kept = res.State
		fmt.Println(res.AccessToken.Reveal(), kept)
	}
	// Output:
	// token-0 [redacted]
	// token-1 [redacted]
	// token-2 [redacted]
}

// The lifetime counts from when the request was sent, and the earliest of what is
// known about it wins. A Date has lost its fraction, so a second is taken off.
func ExampleLifetime() {
	asked := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	res := provider.Result{
		AccessToken: messages.NewSecret("opaque"),
		Lifetime:    time.Hour,
		ExpiresAt:   time.Date(2026, 3, 1, 14, 30, 0, 0, time.UTC),
		Date:        time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC), // the IdP's clock is two hours ahead
	}
	life, err := provider.Lifetime(res, asked, asked.Add(time.Second), provider.Bounds{})
	fmt.Println(life.Length, life.Expires, err == nil)
	// Output: 29m59s true true
}
