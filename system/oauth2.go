package system

import (
	"context"
	"errors"

	"golang.org/x/oauth2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"tokend/messages"
)

// TokenSource returns the service's token as golang.org/x/oauth2 wants it. Its
// Token method waits at most the service's timeout. There is no need to wrap it
// in a ReuseTokenSource, which would bring back what tokend is there to avoid.
func (s *System) TokenSource(service string) oauth2.TokenSource {
	return &tokenSource{system: s, service: service}
}

type tokenSource struct {
	system  *System
	service string
}

// Token returns the service's token.
func (t *tokenSource) Token() (*oauth2.Token, error) {
	timeout, err := t.system.Timeout(t.service)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	tok, err := t.system.Token(ctx, t.service)
	if err != nil {
		return nil, err
	}
	return &oauth2.Token{AccessToken: tok.Value(), TokenType: tok.Type, Expiry: tok.ExpiresAt}, nil
}

// PerRPCCredentials returns credentials that add the service's token to every
// gRPC call. They demand transport security. A call that gets no token fails
// with Unavailable, Unauthenticated, DeadlineExceeded, PermissionDenied or, if
// the service is not known, Internal.
func (s *System) PerRPCCredentials(service string) credentials.PerRPCCredentials {
	return &perRPC{system: s, service: service}
}

type perRPC struct {
	system  *System
	service string
}

// RequireTransportSecurity returns true.
func (*perRPC) RequireTransportSecurity() bool { return true }

// GetRequestMetadata returns the authorization header.
func (p *perRPC) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	if info, ok := credentials.RequestInfoFromContext(ctx); ok {
		if err := credentials.CheckSecurityLevel(info.AuthInfo, credentials.PrivacyAndIntegrity); err != nil {
			return nil, status.Errorf(codes.Unauthenticated, "token of %s: %v", p.service, err)
		}
	}
	tok, err := p.system.Token(ctx, p.service)
	if err != nil {
		return nil, &rpcError{err}
	}
	return map[string]string{"authorization": tok.Header()}, nil
}

// rpcError is an error that gRPC finds a status in, and others what it was.
type rpcError struct{ error }

// GRPCStatus returns the status that the call fails with.
func (e *rpcError) GRPCStatus() *status.Status { return status.New(codeOf(e.error), e.Error()) }

// Unwrap returns the error of the token.
func (e *rpcError) Unwrap() error { return e.error }

// codeOf tells a gRPC client whether trying again makes sense.
func codeOf(err error) codes.Code {
	switch {
	case errors.Is(err, messages.ErrRejected):
		return codes.Unauthenticated
	case errors.Is(err, messages.ErrTimeout):
		return codes.DeadlineExceeded
	case errors.Is(err, messages.ErrDenied):
		return codes.PermissionDenied
	case errors.Is(err, messages.ErrUnknownService):
		return codes.Internal
	default:
		return codes.Unavailable
	}
}
