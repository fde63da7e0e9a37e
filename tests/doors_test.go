package tests

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc/credentials"

	"tokend/messages"
)

// door is a way to a service's token; it returns the token's fingerprint.
type door func(ctx context.Context, w *world, service string) (string, error)

// doors are all ways by which a token leaves.
var doors = map[string]door{
	"Token": func(ctx context.Context, w *world, service string) (string, error) {
		return named(w.sys.Token(ctx, service))
	},
	"TokenMinTTL": func(ctx context.Context, w *world, service string) (string, error) {
		return named(w.sys.TokenMinTTL(ctx, service, time.Nanosecond))
	},
	"AppendCached": throughAppendCached,
	"Tokens": func(ctx context.Context, w *world, service string) (string, error) {
		tokens, err := w.sys.Tokens(ctx, service)
		return named(tokens[service], err)
	},
	"TokensByName": func(ctx context.Context, w *world, service string) (string, error) {
		tokens, errs := w.sys.TokensByName(ctx, 0, service)
		return named(tokens[service], errs[service])
	},
	"Service":           throughService,
	"GetToken":          throughGetToken,
	"GetTokens":         throughGetTokens,
	"TokenSource":       throughTokenSource,
	"Transport":         throughTransport,
	"PerRPCCredentials": throughPerRPC,
}

// named returns the fingerprint of what is really handed out.
func named(tok messages.Token, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return fingerprint(tok.Value())
}

func fingerprint(value string) (string, error) {
	if value == "" {
		return "", errors.New("neither a token nor an error")
	}
	return messages.Fingerprint(value), nil
}

// throughAppendCached waits as callers of AppendCached do.
func throughAppendCached(ctx context.Context, w *world, service string) (string, error) {
	const before = "token: "
	text, tok, ok := w.sys.AppendCached([]byte(before), service, 0)
	if !ok {
		if string(text) != before {
			return "", errors.New("something is appended, and there is no token")
		}
		return named(w.sys.TokenMinTTL(ctx, service, 0))
	}
	value, begins := strings.CutPrefix(string(text), before)
	if got := messages.Fingerprint(value); !begins || got != tok.Fingerprint || tok.Value() != "" {
		return "", fmt.Errorf("appended the token %s, and returned %v", got, tok)
	}
	return fingerprint(value)
}

func throughService(ctx context.Context, w *world, service string) (string, error) {
	svc, err := w.sys.Service(service)
	if err != nil {
		return "", err
	}
	return named(svc.Token(ctx))
}

// ask sends a command to the system's actor and waits for its reply.
func ask[R messages.Reply](w *world, command messages.Command) R {
	w.Helper()
	reply, err := w.sys.ActorSystem().Root.RequestFuture(w.sys.PID(), command, time.Hour).Result()
	if err != nil {
		w.Fatalf("%T: %v", command, err)
	}
	typed, ok := reply.(R)
	if !ok {
		w.Fatalf("%T answered by %T", command, reply)
	}
	return typed
}

func throughGetToken(_ context.Context, w *world, service string) (string, error) {
	reply := ask[*messages.TokenReply](w, &messages.GetToken{Service: service})
	return named(reply.Token, reply.Err)
}

func throughGetTokens(_ context.Context, w *world, service string) (string, error) {
	reply := ask[*messages.TokensReply](w, &messages.GetTokens{Services: []string{service}})
	return named(reply.Tokens[service], reply.Errs[service])
}

func throughTokenSource(_ context.Context, w *world, service string) (string, error) {
	tok, err := w.sys.TokenSource(service).Token()
	if err != nil {
		return "", err
	}
	return fingerprint(tok.AccessToken)
}

// roundTrip is a network that does as it is told.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answer returns a response to r.
func answer(r *http.Request, status int) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")),
	}
}

func throughTransport(ctx context.Context, w *world, service string) (string, error) {
	var header string
	client := &http.Client{Transport: w.sys.Transport(service, roundTrip(func(r *http.Request) (*http.Response, error) {
		header = r.Header.Get("Authorization")
		return answer(r, http.StatusOK), nil
	}))}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.test/", nil)
	if err != nil {
		return "", err
	}
	res, err := client.Do(req)
	if err != nil {
		return "", err
	}
	return bearer(header, res.Body.Close())
}

// bearer returns the fingerprint of the token in an Authorization header.
func bearer(header string, err error) (string, error) {
	if err != nil {
		return "", err
	}
	value, ok := strings.CutPrefix(header, "Bearer ")
	if !ok {
		return "", fmt.Errorf("an Authorization header of %d bytes without Bearer", len(header))
	}
	return fingerprint(value)
}

// channel describes a connection of that security to the RPC library.
type channel struct{ credentials.CommonAuthInfo }

func (channel) AuthType() string { return "test" }

func overChannel(ctx context.Context, level credentials.SecurityLevel) context.Context {
	return credentials.NewContextWithRequestInfo(ctx, credentials.RequestInfo{
		Method: "/test.Test/Call", AuthInfo: channel{credentials.CommonAuthInfo{SecurityLevel: level}},
	})
}

func throughPerRPC(ctx context.Context, w *world, service string) (string, error) {
	ctx = overChannel(ctx, credentials.PrivacyAndIntegrity)
	metadata, err := w.sys.PerRPCCredentials(service).GetRequestMetadata(ctx, "https://api.test/test.Test")
	return bearer(metadata["authorization"], err)
}
