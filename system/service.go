package system

import (
	"context"
	"time"

	"tokend/actors/token"
	"tokend/messages"
)

// Service is a handle on one service: what [System] does by name, without
// looking the name up. It may be kept as long as the System and used
// concurrently. When the service is removed its methods fail with
// [messages.ErrUnknownService]; when it is added again they work again.
type Service struct {
	system *System
	slot   *token.Slot
	name   string
}

// Service returns a handle on the service. The System must have been started.
func (s *System) Service(service string) (*Service, error) {
	slot := s.directory.Lookup(service)
	if slot == nil {
		return nil, s.missing(service)
	}
	return &Service{system: s, slot: slot, name: service}, nil
}

// Name returns the service's name.
func (v *Service) Name() string { return v.name }

// Token is [System.Token].
func (v *Service) Token(ctx context.Context) (tok messages.Token, err error) {
	if v.slot.Cached(&tok, 0) {
		return tok, nil
	}
	return v.system.Token(ctx, v.name)
}

// TokenMinTTL is [System.TokenMinTTL].
func (v *Service) TokenMinTTL(ctx context.Context, minTTL time.Duration) (tok messages.Token, err error) {
	if v.slot.Cached(&tok, minTTL) {
		return tok, nil
	}
	return v.system.TokenMinTTL(ctx, v.name, minTTL)
}

// Info is [System.Info].
func (v *Service) Info(ctx context.Context) (messages.TokenInfo, error) {
	return v.system.Info(ctx, v.name)
}

// Expired is [System.Expired].
func (v *Service) Expired() (bool, error) { return v.system.Expired(v.name) }

// Refresh is [System.Refresh].
func (v *Service) Refresh(ctx context.Context) error { return v.system.Refresh(ctx, v.name) }

// Invalidate is [System.Invalidate].
func (v *Service) Invalidate(ctx context.Context, fingerprint string) (bool, error) {
	return v.system.Invalidate(ctx, v.name, fingerprint)
}

// Subscribe is [System.Subscribe] for this service.
func (v *Service) Subscribe(ctx context.Context) <-chan messages.Event {
	return v.system.Subscribe(ctx, v.name)
}
