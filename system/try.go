package system

import (
	"context"
	"errors"
	"time"

	"tokend/actors/provider"
	"tokend/actors/schedule"
	"tokend/messages"
)

// Attempt is what one try to get a service's token came to.
type Attempt struct {
	Service    string
	Provider   string        // kind of provider, as configured
	ClientAuth string        // how the client proves who it is, for the kinds of OAuth
	URL        string        // where the last request went, as scheme://host/path; empty: none was sent, or nobody knows
	Status     int           // HTTP status of its answer; 0: none came, or nobody knows
	Took       time.Duration // from the beginning to the outcome

	// Token is what was acquired, without the token itself and without a
	// generation, and when it would be refreshed, jitter left out.
	Token messages.TokenInfo
	// Kept reports whether the provider wants something to be kept for the next
	// time, such as a refresh token in place of the one that it has used.
	Kept    bool
	Life    provider.Life   // how long the token lives, and what says so; its notes are what to know about the answer
	Lost    string          // what to do about a login that is lost, where a fallback stands in; empty: none is
	Failure *provider.Error // why there is no token; nil: there is
}

// Try tries once to get the token of a service, within its timeout and ctx, and
// tells how that went: to find out what is wrong with a configuration. It does so
// before Start or without it, as a running System has but one acquisition of a
// service under way and keeps what comes of it. Nothing is kept here: neither the
// token, nor what the provider wants to have again, nor is read what a vault has.
//
// The error is about the System and the name, not about the attempt. Try may be
// called concurrently for different services.
func (s *System) Try(ctx context.Context, name string) (*Attempt, error) {
	v := s.services.Load().services[name]
	switch {
	case s.stage.Load() != created:
		return nil, &messages.Error{Kind: messages.ErrStopped, Service: name, Cause: errNoTry}
	case v == nil:
		return nil, &messages.Error{Kind: messages.ErrUnknownService, Service: name}
	}
	ctx, cancel := context.WithTimeout(ctx, v.policy.Timeout)
	defer cancel()
	var trace provider.Trace
	clock := s.env.Clock
	asked := clock.Now()
	res, err := provider.Acquire(provider.WithTrace(ctx, &trace), v.provider, provider.Request{Service: name})
	answered := clock.Now()
	took := answered.Elapsed(asked)
	a := &Attempt{
		Service: name, Provider: v.configured.Provider, ClientAuth: v.clientAuth(),
		URL: trace.URL, Status: trace.Status, Took: took, Kept: !res.State.IsZero(), Lost: res.Lost,
	}
	if err != nil {
		a.Failure = provider.Classify(err)
		return a, nil
	}
	a.judge(v, res, answered.Add(-took), answered)
	return a, nil
}

var errNoTry = errors.New("a try is made before Start only")

// judge fills in what a token is worth.
func (a *Attempt) judge(v *service, res provider.Result, asked, answered schedule.Instant) {
	life, failure := provider.Lifetime(res, asked.Time(), answered.Time(), v.bounds())
	if failure != nil {
		a.Failure = failure
		return
	}
	at := func(d time.Duration) time.Time { return asked.Add(d).Time().UTC() }
	t := messages.TokenInfo{
		Service: a.Service, Provider: a.Provider, State: messages.StateFresh,
		TokenType: res.Type, ServerTokenType: res.ServerType, Scopes: res.Scopes, CreatedAt: at(0), Fingerprint: messages.Fingerprint(res.AccessToken.Reveal()),
	}
	if life.Expires {
		plan := schedule.NewPlan(life.Length, v.schedule(), 0)
		t.ExpiresAt, t.RefreshAt, t.WarnAt, t.RefreshThreshold = at(plan.Life), at(plan.Refresh), at(plan.Warn), plan.Lead
	}
	a.Token, a.Life = t, life
}

// clientAuth returns how the service's client proves who it is, empty if it has
// none.
func (v *service) clientAuth() string {
	if p, ok := v.provider.(interface{ ClientAuth() string }); ok {
		return p.ClientAuth()
	}
	return ""
}
