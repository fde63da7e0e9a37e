package idptest

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"tokend/actors/provider"
	"tokend/messages"
)

// Token brings a new token that lives for life, counted from the call.
func Token(life time.Duration) Step {
	return func(_ context.Context, call Call) (provider.Result, error) {
		issue := call.script.issue(call.Service, life)
		return provider.Result{AccessToken: messages.NewSecret(issue.value), Lifetime: life}, nil
	}
}

// Stateful brings a new token and hands out what it is to be told at the next
// call.
func Stateful(life time.Duration, state string) Step {
	return func(ctx context.Context, call Call) (provider.Result, error) {
		result, err := Token(life)(ctx, call)
		result.State = provider.NewState([]byte(state))
		return result, err
	}
}

// Immortal brings a new token without expiry.
func Immortal() Step {
	return func(_ context.Context, call Call) (provider.Result, error) {
		issue := call.script.issue(call.Service, 0)
		return provider.Result{AccessToken: messages.NewSecret(issue.value), NoExpiry: true}, nil
	}
}

// Dated brings a new token with an absolute expiry, as an identity provider says
// whose clock is wrong by skew.
func Dated(life, skew time.Duration) Step {
	return func(_ context.Context, call Call) (provider.Result, error) {
		issue := call.script.issue(call.Service, life)
		date := time.Now().Add(skew)
		return provider.Result{AccessToken: messages.NewSecret(issue.value), ExpiresAt: date.Add(life), Date: date}, nil
	}
}

// Early brings a new token that lives for life, a JWT that says that it is not valid
// before from has passed.
func Early(life, from time.Duration) Step {
	return func(_ context.Context, call Call) (provider.Result, error) {
		part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) + "." }
		claims := fmt.Sprintf(`{"nbf":%d}`, time.Now().Add(from).Unix())
		issue := call.script.issueAfter(part(`{"alg":"none"}`)+part(claims), call.Service, life)
		return provider.Result{AccessToken: messages.NewSecret(issue.value), Lifetime: life}, nil
	}
}

// Cached brings the same token again and again, with what is left of its life,
// until it has died; then a new one that lives for life.
func Cached(life time.Duration) Step {
	return func(_ context.Context, call Call) (provider.Result, error) {
		issued := call.script.Issued(call.Service)
		if len(issued) > 0 {
			last := issued[len(issued)-1]
			if left := time.Until(last.Expires); left > 0 {
				return provider.Result{AccessToken: messages.NewSecret(last.value), Lifetime: left}, nil
			}
		}
		return Token(life)(context.Background(), call)
	}
}

// Prolonged brings the service's first token again and again, each time for the
// whole of life.
func Prolonged(life time.Duration) Step {
	return func(ctx context.Context, call Call) (provider.Result, error) {
		issued := call.script.Issued(call.Service)
		if len(issued) == 0 {
			return Token(life)(ctx, call)
		}
		return provider.Result{AccessToken: messages.NewSecret(issued[0].value), Lifetime: life}, nil
	}
}

// Bare brings a new token that says nothing of its lifetime.
func Bare() Step {
	return func(_ context.Context, call Call) (provider.Result, error) {
		issue := call.script.issue(call.Service, 0)
		return provider.Result{AccessToken: messages.NewSecret(issue.value)}, nil
	}
}

// Fail brings a failure of that class.
func Fail(class string) Step { return Throttle(class, 0) }

// Refuse fails because a person's credentials are refused.
func Refuse() Step {
	return func(context.Context, Call) (provider.Result, error) {
		return provider.Result{}, &provider.Error{Class: messages.ClassRejected, Text: "scripted refusal", Person: true}
	}
}

// Throttle brings a failure of that class that asks to be left alone for wait.
func Throttle(class string, wait time.Duration) Step {
	return func(context.Context, Call) (provider.Result, error) {
		return provider.Result{}, &provider.Error{Class: class, Text: "scripted " + class, RetryAfter: wait}
	}
}

// Leak brings an error of no known type, whose text nobody may see.
func Leak() Step {
	return func(context.Context, Call) (provider.Result, error) {
		return provider.Result{}, errors.New("the answer was " + Canary)
	}
}

// Panic panics with value.
func Panic(value any) Step {
	return func(context.Context, Call) (provider.Result, error) { panic(value) }
}

// Hang answers nothing until ctx ends.
func Hang() Step {
	return func(ctx context.Context, _ Call) (provider.Result, error) {
		<-ctx.Done()
		return provider.Result{}, ctx.Err()
	}
}

// After waits for delay, or until ctx ends, and then does step.
func After(delay time.Duration, step Step) Step {
	return func(ctx context.Context, call Call) (provider.Result, error) {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return provider.Result{}, ctx.Err()
		case <-timer.C:
			return step(ctx, call)
		}
	}
}

// Deaf waits for delay, whatever ctx says, and then does step.
func Deaf(delay time.Duration, step Step) Step {
	return func(ctx context.Context, call Call) (provider.Result, error) {
		time.Sleep(delay)
		return step(ctx, call)
	}
}

// Hold waits until release is closed, or until ctx ends, and then does step.
func Hold(release <-chan struct{}, step Step) Step {
	return func(ctx context.Context, call Call) (provider.Result, error) {
		select {
		case <-ctx.Done():
			return provider.Result{}, ctx.Err()
		case <-release:
			return step(ctx, call)
		}
	}
}
