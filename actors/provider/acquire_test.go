package provider

import (
	"context"
	"errors"
	"strings"
	"testing"

	"tokend/messages"
)

func brings(token string) Provider {
	return Func(func(context.Context, Request) (Result, error) {
		return Result{AccessToken: messages.NewSecret(token)}, nil
	})
}

func panics(value any) Provider {
	return Func(func(context.Context, Request) (Result, error) { panic(value) })
}

func TestAcquireHandsOutWhatTheProviderBrought(t *testing.T) {
	p := Func(func(_ context.Context, req Request) (Result, error) {
		return Result{AccessToken: messages.NewSecret(req.Service + string(req.Previous.Bytes())), State: NewState([]byte("next"))}, nil
	})
	res, err := Acquire(t.Context(), p, Request{Service: "billing", Previous: NewState([]byte("-1"))})
	if err != nil || res.AccessToken.Reveal() != "billing-1" || res.Type != "Bearer" || string(res.State.Bytes()) != "next" {
		t.Errorf("got %v, %v", res, err)
	}
}

func TestAcquireRefusesResultsNobodyCanUse(t *testing.T) {
	cases := map[string]struct {
		res  Result
		want string
	}{
		"no token":                 {Result{}, "no access token"},
		"an empty token":           {Result{AccessToken: messages.NewSecret("")}, "no access token"},
		"a token with a line end":  {Result{AccessToken: messages.NewSecret("a\r\nX-Evil: b")}, "access token holds a space or another character that is not visible ASCII"},
		"a token with a space":     {Result{AccessToken: messages.NewSecret("a b")}, "access token holds a space or another character that is not visible ASCII"},
		"a token before a space":   {Result{AccessToken: messages.NewSecret("ab ")}, "access token holds a space or another character that is not visible ASCII"},
		"a token with an umlaut":   {Result{AccessToken: messages.NewSecret("aäb")}, "access token holds a space or another character that is not visible ASCII"},
		"a token with a delete":    {Result{AccessToken: messages.NewSecret("a\x7f")}, "access token holds a space or another character that is not visible ASCII"},
		"a token that is no UTF-8": {Result{AccessToken: messages.NewSecret("a\xff")}, "access token holds a space or another character that is not visible ASCII"},
		"a token of 64 KiB and 1":  {Result{AccessToken: messages.NewSecret(strings.Repeat("a", maxToken+1))}, "access token of 65537 bytes, more than 65536"},
		"a type of two words":      {Result{AccessToken: messages.NewSecret("a"), Type: "Bearer b"}, "token type is not one word"},
		"a type with a line end":   {Result{AccessToken: messages.NewSecret("a"), Type: "Bearer\n"}, "token type is not one word"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := Func(func(context.Context, Request) (Result, error) { return c.res, nil })
			wantFailure(t, failure(t, p), messages.ClassMalformed, c.want)
		})
	}
}

func TestAcquireTakesTheLongestToken(t *testing.T) {
	acquire(t, brings(strings.Repeat("a", maxToken)))
}

func TestAcquireSurvivesPanics(t *testing.T) {
	var none []int
	cases := map[string]struct {
		p    Provider
		want string
	}{
		"a text":           {panics("canary"), "provider panicked: string"},
		"an error":         {panics(errors.New("canary")), "provider panicked: *errors.errorString"},
		"a struct":         {panics(struct{ secret string }{"canary"}), "provider panicked: struct { secret string }"},
		"of the runtime":   {Func(func(context.Context, Request) (Result, error) { _ = none[3]; return Result{}, nil }), "provider panicked: runtime.boundsError: runtime error: index out of range [3] with length 0"},
		"without provider": {nil, "provider panicked: runtime.errorString: runtime error: invalid memory address or nil pointer dereference"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := failure(t, c.p)
			wantFailure(t, got, messages.ClassPanic, c.want)
			if !strings.Contains(got.Stack, "acquire.go") || len(got.Stack) > maxStack || strings.Contains(got.Stack, "canary") {
				t.Errorf("stack is not usable:\n%s", got.Stack)
			}
		})
	}
}

func TestAnUnknownErrorAfterTheDeadlineIsATimeout(t *testing.T) {
	ctx := newExpiring(t)
	p := Func(func(context.Context, Request) (Result, error) {
		ctx.expire()
		return Result{}, errors.New("canary")
	})
	got := failureIn(ctx, t, p)
	if !got.TimedOut || got.Class != messages.ClassTransient || !strings.HasPrefix(got.Text, "timeout: ") {
		t.Errorf("got %#v", got)
	}
}

func TestAnAnswerAfterTheDeadlineStaysAnAnswer(t *testing.T) {
	ctx := newExpiring(t)
	p := Func(func(context.Context, Request) (Result, error) {
		ctx.expire()
		return Result{}, &Error{Class: messages.ClassRejected, Text: "no such user"}
	})
	if got := failureIn(ctx, t, p); got.TimedOut || got.Class != messages.ClassRejected {
		t.Errorf("got %#v", got)
	}
}
