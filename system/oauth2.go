package system

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"golang.org/x/oauth2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"tokend/messages"
)

// TokenSource returns the service's token as golang.org/x/oauth2 wants it. Its
// Token method waits at most the service's timeout. There is no need to wrap it
// in a ReuseTokenSource, which would bring back what tokend is there to avoid.
// Clients of that package send the token in the Authorization header, whatever the
// service's [config.Inject] says: [System.Transport] obeys it.
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
//
// The token goes into the authorization metadata, or those that the service's
// [config.Inject] names as a header. gRPC has no query and no cookies: a call fails
// with Internal if the token is to go there.
func (s *System) PerRPCCredentials(service string) credentials.PerRPCCredentials {
	return &perRPC{system: s, service: service}
}

type perRPC struct {
	system  *System
	service string
}

// RequireTransportSecurity returns true.
func (*perRPC) RequireTransportSecurity() bool { return true }

// grpcKey is what metadata may be called.
var grpcKey = regexp.MustCompile(`^[0-9a-z_.-]+$`)

// key returns the metadata that hold the token.
func (p *perRPC) key(in injection) (string, error) {
	key := strings.ToLower(in.Header)
	switch {
	case key == "":
		return "", status.Errorf(codes.Internal, "token of %s: gRPC has no query and no cookies: set inject.header", p.service)
	case !grpcKey.MatchString(key) || strings.HasPrefix(key, "grpc-") || strings.HasSuffix(key, "-bin"):
		return "", status.Errorf(codes.Internal, "token of %s: %s cannot be the name of gRPC metadata: set another inject.header", p.service, key)
	default:
		return key, nil
	}
}

// GetRequestMetadata returns the header that holds the token.
func (p *perRPC) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	if info, ok := credentials.RequestInfoFromContext(ctx); ok {
		if err := credentials.CheckSecurityLevel(info.AuthInfo, credentials.PrivacyAndIntegrity); err != nil {
			return nil, status.Errorf(codes.Unauthenticated, "token of %s: %v", p.service, err)
		}
	}
	in := p.system.injectionOf(p.service)
	key, err := p.key(in)
	if err != nil {
		return nil, err
	}
	tok, err := p.system.Token(ctx, p.service)
	if err != nil {
		return nil, &rpcError{err}
	}
	return map[string]string{key: in.value(tok)}, nil
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
