package system

import (
	"context"
	"errors"
	"net/url"
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
// The token goes into the authorization metadata, or where the service's
// [config.Inject] says, a cookie into the metadata of that name. A call fails with
// Internal if the token is to go into a query, which gRPC does not have, and with
// PermissionDenied if its authority is none of the service's hosts.
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
func (p *perRPC) key(to placement) (string, error) {
	key := strings.ToLower(to.HeaderName())
	switch {
	case key == "":
		return "", status.Errorf(codes.Internal, "token of %s: gRPC has no query: set inject.header", p.service)
	case !grpcKey.MatchString(key) || strings.HasPrefix(key, "grpc-") || strings.HasSuffix(key, "-bin"):
		return "", status.Errorf(codes.Internal, "token of %s: %s cannot be the name of gRPC metadata: set another inject.header", p.service, key)
	default:
		return key, nil
	}
}

// addressed refuses a call to a host that the token is not for. gRPC names the host it
// calls; who does not is not known to call one of them.
func (p *perRPC) addressed(to placement, uris []string) error {
	if len(to.Hosts) == 0 {
		return nil
	}
	for _, uri := range uris {
		u, err := url.Parse(uri)
		switch {
		case err != nil:
			return &rpcError{messages.NotAllowed(p.service, "what gRPC calls")}
		case !to.Allows(u):
			return &rpcError{messages.NotAllowed(p.service, u.Host)}
		}
	}
	if len(uris) == 0 {
		return &rpcError{messages.NotAllowed(p.service, "a call without a host")}
	}
	return nil
}

// GetRequestMetadata returns the header that holds the token, for a call to uri.
func (p *perRPC) GetRequestMetadata(ctx context.Context, uri ...string) (map[string]string, error) {
	if info, ok := credentials.RequestInfoFromContext(ctx); ok {
		if err := credentials.CheckSecurityLevel(info.AuthInfo, credentials.PrivacyAndIntegrity); err != nil {
			return nil, status.Errorf(codes.Unauthenticated, "token of %s: %v", p.service, err)
		}
	}
	to := p.system.placementOf(p.service)
	key, err := p.key(to)
	if err == nil {
		err = p.addressed(to, uri)
	}
	if err != nil {
		return nil, err
	}
	tok, err := p.system.Token(ctx, p.service)
	if err != nil {
		return nil, &rpcError{err}
	}
	_, value, err := to.HeaderOf(tok)
	if err != nil {
		return nil, &rpcError{err}
	}
	return map[string]string{key: value}, nil
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
