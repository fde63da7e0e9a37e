package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"tokend/system/httpapi"
)

func TestWhatIsWorthWaitingFor(t *testing.T) {
	refused := unavailable(fmt.Errorf("no node: %w", &net.OpError{Op: "dial", Err: errors.New("refused")}))
	cut := unavailable(&net.OpError{Op: "read", Err: errors.New("reset")})
	tests := map[string]struct {
		err       error
		get, post bool
	}{
		"no node":                      {refused, true, true},
		"a socket that is not open":    {unavailable(&net.OpError{Op: "dial", Err: fs.ErrPermission}), true, true},
		"a connection that was cut":    {cut, true, false},
		"another program":              {unavailable(errors.New("no tokend: status 502")), true, false},
		"an answer that is late":       {&failure{code: httpapi.CodeTimeout, err: errors.New("late")}, true, false},
		"no token now":                 {&httpapi.Problem{Code: httpapi.CodeUnavailable, Status: 503}, true, false},
		"refused credentials":          {&httpapi.Problem{Code: httpapi.CodeRejected, Status: 502}, true, false},
		"a node that stops":            {&httpapi.Problem{Code: httpapi.CodeStopped, Status: 503}, true, false},
		"too many requests":            {&httpapi.Problem{Code: httpapi.CodeOverloaded, Status: 429}, true, false},
		"an unknown service":           {&httpapi.Problem{Code: httpapi.CodeUnknownService, Status: 404}, false, false},
		"no grant":                     {&httpapi.Problem{Code: httpapi.CodeDenied, Status: 403}, false, false},
		"no key":                       {&httpapi.Problem{Code: httpapi.CodeUnauthenticated, Status: 401}, false, false},
		"a socket of a stranger":       {&failure{code: codeUntrusted, err: errors.New("stranger")}, false, false},
		"a signal":                     {&failure{code: codeInterrupted, err: errors.New("signal")}, false, false},
		"a certificate":                {unavailable(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), false, false},
		"a certificate that it wants":  {unavailable(&net.OpError{Op: "remote error", Err: tls.AlertError(116)}), false, false},
		"a flag that is used wrongly":  {usageError("so not"), false, false},
		"a token that no header bears": {&failure{code: httpapi.CodeDenied, err: errors.New("query")}, false, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := worthWaiting(http.MethodGet, tt.err); got != tt.get {
				t.Errorf("to ask: %v", got)
			}
			if got := worthWaiting(http.MethodPost, tt.err); got != tt.post {
				t.Errorf("to order: %v", got)
			}
		})
	}
}

func TestWaitingEndsInTime(t *testing.T) {
	none := unavailable(&net.OpError{Op: "dial", Err: errors.New("refused")})
	tests := map[string]struct {
		wait, comes, slow time.Duration // how long is waited, when the node comes, how long it takes to answer
		took              time.Duration // at most
		err               error         // nil: an answer
	}{
		"none is waited for":      {0, time.Hour, 0, 0, none},
		"it is there":             {30 * time.Second, 0, 0, 0, nil},
		"it comes":                {30 * time.Second, 7 * time.Second, 0, 8 * time.Second, nil},
		"it comes at the end":     {30 * time.Second, 28 * time.Second, 0, 30 * time.Second, nil},
		"it never comes":          {30 * time.Second, time.Hour, 0, 30 * time.Second, none},
		"it takes too long":       {30 * time.Second, 0, time.Hour, 30 * time.Second, context.DeadlineExceeded},
		"it comes, and hangs":     {30 * time.Second, 7 * time.Second, time.Hour, 30 * time.Second, none},
		"it answers, but in time": {30 * time.Second, 7 * time.Second, 20 * time.Second, 29 * time.Second, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				n := &node{}
				if tt.wait > 0 {
					n.until = began.Add(tt.wait)
				}
				err := n.persist(t.Context(), http.MethodGet, func(ctx context.Context) error {
					if time.Since(began) < tt.comes {
						return none
					}
					select {
					case <-time.After(tt.slow):
						return nil
					case <-ctx.Done():
						return &failure{code: httpapi.CodeTimeout, err: ctx.Err()}
					}
				})
				if took := time.Since(began); !errors.Is(err, tt.err) || took > tt.took || err != nil && took != tt.wait {
					t.Errorf("%v after %v", err, took)
				}
			})
		})
	}
}

func TestASignalEndsTheWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		n := &node{until: time.Now().Add(time.Hour)}
		err := n.persist(ctx, http.MethodGet, func(context.Context) error { return unavailable(errors.New("none")) })
		if f, ok := errors.AsType[*failure](err); !ok || f.code != codeInterrupted {
			t.Error(err)
		}
	})
}
