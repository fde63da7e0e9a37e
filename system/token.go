package system

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"tokend/actors/token"
	"tokend/messages"
)

// Token returns the service's access token: at once if there is one with at
// least the service's min_ttl left, else when the acquisition under way has
// ended. It fails with [messages.ErrUnknownService], [messages.ErrUnavailable],
// [messages.ErrRejected], [messages.ErrInvalidResponse], [messages.ErrOverloaded],
// [messages.ErrTimeout] when ctx or the service's time ends first, or
// [messages.ErrStopped].
func (s *System) Token(ctx context.Context, service string) (tok messages.Token, err error) {
	slot := s.directory.Lookup(service)
	if slot != nil && slot.Cached(&tok, 0) {
		return tok, nil
	}
	return s.ask(ctx, slot, service, 0)
}

// TokenMinTTL is [System.Token] for a caller who wants a token that lives for at
// least minTTL. That is a wish, never a reason to refuse a living token; it
// counts up to half of the token's lifetime.
func (s *System) TokenMinTTL(ctx context.Context, service string, minTTL time.Duration) (tok messages.Token, err error) {
	slot := s.directory.Lookup(service)
	if slot != nil && slot.Cached(&tok, minTTL) {
		return tok, nil
	}
	return s.ask(ctx, slot, service, minTTL)
}

// AppendCached appends the value of a token that is at hand to dst, and returns the token
// without it. It is [System.TokenMinTTL] for a caller who writes the value somewhere and
// overwrites it then, where nothing has to be waited for: else it reports false, and
// nothing is appended.
func (s *System) AppendCached(dst []byte, service string, minTTL time.Duration) (_ []byte, tok messages.Token, ok bool) {
	slot := s.directory.Lookup(service)
	if slot == nil {
		return dst, tok, false
	}
	dst, ok = slot.AppendCached(dst, &tok, minTTL)
	return dst, tok, ok
}

// ask gets the token from the service's actor. A nil slot is that of a service
// that is not there.
func (s *System) ask(ctx context.Context, slot *token.Slot, service string, minTTL time.Duration) (messages.Token, error) {
	if slot == nil {
		return messages.Token{}, s.missing(service)
	}
	return s.await(ctx, s.callToken(ctx, slot, minTTL), slot, minTTL)
}

// callToken asks the service's actor for its token.
func (s *System) callToken(ctx context.Context, slot *token.Slot, minTTL time.Duration) token.Pending {
	cmd := &messages.GetToken{Service: slot.Name(), MinTTL: minTTL}
	if deadline, ok := ctx.Deadline(); ok {
		// On the System's own wall clock, which tests may have stepped.
		cmd.Deadline = s.env.Clock.Now().Time().Add(time.Until(deadline))
	}
	return slot.Call(cmd)
}

// await returns the token that was asked for. What lives when the answer is read
// counts, not what lived when it was written: an answer may lie about while its
// reader is busy elsewhere. So a caller whose time is up gets a living token with
// less life than wanted, if there is one.
func (s *System) await(ctx context.Context, call token.Pending, slot *token.Slot, minTTL time.Duration) (messages.Token, error) {
	for {
		reply := call.Wait(ctx).(*messages.TokenReply)
		if reply.Err != nil && !errors.Is(reply.Err, messages.ErrTimeout) {
			return messages.Token{}, reply.Err
		}
		var tok messages.Token
		switch {
		case slot.Living(&tok):
			return tok, nil
		case reply.Err != nil:
			return tok, reply.Err
		}
		call = s.callToken(ctx, slot, minTTL) // it has died since; ask again
	}
}

// Tokens returns the tokens of several services, asked for at the same time. The
// map holds those that could be had; the error joins an [*messages.Error] for
// each of the others, by name.
func (s *System) Tokens(ctx context.Context, services ...string) (map[string]messages.Token, error) {
	tokens, failed := s.TokensByName(ctx, 0, services...)
	errs := make([]error, 0, len(failed))
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		errs = append(errs, failed[name])
	}
	return tokens, errors.Join(errs...)
}

// TokensByName is [System.Tokens] with a minTTL as for [System.TokenMinTTL] and
// the errors by name.
func (s *System) TokensByName(ctx context.Context, minTTL time.Duration, services ...string) (map[string]messages.Token, map[string]error) {
	slots := make(map[string]*token.Slot, len(services))
	calls := make(map[string]token.Pending)
	errs := make(map[string]error)
	for _, name := range services {
		slot := s.directory.Lookup(name)
		switch {
		case slot == nil:
			errs[name] = s.missing(name)
		case slots[name] == nil && !slot.Enough(minTTL):
			calls[name] = s.callToken(ctx, slot, minTTL)
		}
		slots[name] = slot
	}
	for name, call := range calls {
		if _, err := s.await(ctx, call, slots[name], minTTL); err != nil {
			errs[name] = err
		}
	}
	// Now that nobody is waited for any more: a token read before may have died.
	tokens := make(map[string]messages.Token, len(services))
	for name, slot := range slots {
		if errs[name] == nil {
			_, waited := calls[name]
			tok, err := s.collected(ctx, slot, minTTL, waited)
			if err != nil {
				errs[name] = err
				continue
			}
			tokens[name] = tok
		}
	}
	return tokens, errs
}

// collected returns the token for a batch, after everybody was waited for. The
// actor has counted those callers who waited.
func (s *System) collected(ctx context.Context, slot *token.Slot, minTTL time.Duration, waited bool) (tok messages.Token, err error) {
	if waited && slot.Living(&tok) || !waited && slot.Cached(&tok, minTTL) {
		return tok, nil
	}
	return s.ask(ctx, slot, slot.Name(), minTTL)
}

// Info returns everything about a service's token but the token, at once.
func (s *System) Info(_ context.Context, service string) (messages.TokenInfo, error) {
	slot := s.directory.Lookup(service)
	if slot == nil {
		return messages.TokenInfo{}, s.missing(service)
	}
	return slot.Info(), nil
}

// List returns the infos of all services, by name, at once.
func (s *System) List() []messages.TokenInfo { return s.directory.Infos() }

// Expired reports whether the service has no valid token now, at once.
func (s *System) Expired(service string) (bool, error) {
	slot := s.directory.Lookup(service)
	if slot == nil {
		return true, s.missing(service)
	}
	return slot.Expired(), nil
}

// Timeout returns how long one acquisition for the service may take.
func (s *System) Timeout(service string) (time.Duration, error) {
	slot := s.directory.Lookup(service)
	if slot == nil {
		return 0, s.missing(service)
	}
	return slot.Options().Policy.Timeout, nil
}

// Waiters returns how many callers may wait for the service's token at a time; 0 if there
// is no such service.
func (s *System) Waiters(service string) int {
	slot := s.directory.Lookup(service)
	if slot == nil {
		return 0
	}
	return slot.Options().Waiters
}

// Refresh acquires a new token now, past schedule and back-off, and returns the
// attempt's error. An acquisition that is under way counts as that attempt.
// Attempts that callers cause are at least a second apart.
func (s *System) Refresh(ctx context.Context, service string) error {
	slot := s.directory.Lookup(service)
	if slot == nil {
		return s.missing(service)
	}
	reply := slot.Call(&messages.RefreshToken{Service: service}).Wait(ctx)
	return reply.(*messages.TokenInfoReply).Err
}

// Invalidate says that a resource server refused the token with this
// fingerprint; the empty one means whatever token is current. It reports whether
// that token has been given up: not if another is current, if the last
// invalidation was too recent, or if the IdP has handed the same one out again.
// It waits for the acquisition it causes.
func (s *System) Invalidate(ctx context.Context, service, fingerprint string) (bool, error) {
	r, err := s.invalidate(ctx, service, fingerprint)
	return r.Invalidated, err
}

// InvalidateWhy is [System.Invalidate] and says why a token was not given up: one of
// [messages.KeptNoToken] and its like, empty if it was.
func (s *System) InvalidateWhy(ctx context.Context, service, fingerprint string) (reason string, err error) {
	r, err := s.invalidate(ctx, service, fingerprint)
	return r.Reason, err
}

func (s *System) invalidate(ctx context.Context, service, fingerprint string) (*messages.InvalidateReply, error) {
	slot := s.directory.Lookup(service)
	if slot == nil {
		return &messages.InvalidateReply{}, s.missing(service)
	}
	r := slot.Call(&messages.InvalidateToken{Service: service, Fingerprint: fingerprint}).Wait(ctx).(*messages.InvalidateReply)
	return r, r.Err
}

// Subscribe returns a channel of the events of the given services, of all
// without any. It may be called before Start. The channel is closed when ctx or
// the System ends; a subscriber who lags far behind misses events.
func (s *System) Subscribe(ctx context.Context, services ...string) <-chan messages.Event {
	return s.publisher.Subscribe(ctx, services...)
}

// Readiness tells whether the System runs and every required service that was
// needed has a valid token.
func (s *System) Readiness() messages.Readiness {
	r := messages.Readiness{Ready: s.running(), Services: []messages.Unready{}}
	for slot := range s.directory.Sorted() {
		if !slot.Unready() {
			continue
		}
		r.Ready = false
		info := slot.Info()
		u := messages.Unready{Service: info.Service, State: info.State, Since: info.Since}
		if f := info.LastError; f != nil {
			u.Class, u.NextTry = f.Class, f.NextTry
		}
		r.Services = append(r.Services, u)
	}
	return r
}

// missing returns why there is no such service.
func (s *System) missing(service string) error {
	switch {
	case s.running():
		return &messages.Error{Kind: messages.ErrUnknownService, Service: service}
	case s.stage.Load() == created:
		return &messages.Error{Kind: messages.ErrStopped, Service: service, Cause: errNotStarted}
	default:
		return &messages.Error{Kind: messages.ErrStopped, Service: service}
	}
}

var errNotStarted = errors.New("not started yet: call Start first")

// running reports whether the System was started, and neither stopped nor had
// its supervisor stopped by its host.
func (s *System) running() bool {
	select {
	case <-s.ended:
		return false
	default:
		return s.stage.Load() == running
	}
}
