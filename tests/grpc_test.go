package tests

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

func TestPerRPCCredentialsNeedASecureChannel(t *testing.T) {
	tests := map[string]struct {
		level credentials.SecurityLevel
		want  bool
	}{
		"private and whole": {credentials.PrivacyAndIntegrity, true},
		"whole alone":       {credentials.IntegrityOnly, false},
		"neither":           {credentials.NoSecurity, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := begin(t, idptest.New(), setup{})
				tok := w.token(billing)
				metadata, err := w.sys.PerRPCCredentials(billing).GetRequestMetadata(overChannel(t.Context(), tc.level), "https://api.test/x.X")
				if got := metadata["authorization"] == tok.Header(); got != tc.want || (err == nil) != tc.want {
					t.Errorf("sent is %v, error %v", got, err)
				}
				if err != nil && strings.Contains(err.Error(), idptest.Canary) {
					t.Error("a secret in the error")
				}
			})
		})
	}
}

func TestPerRPCCredentialsRefuseAnInsecureConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		creds := w.sys.PerRPCCredentials(billing)
		if !creds.RequireTransportSecurity() {
			t.Error("transport security is not required")
		}
		conn, err := grpc.NewClient("passthrough:///api.test:443",
			grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithPerRPCCredentials(creds))
		if err == nil {
			_ = conn.Close()
			t.Error("a connection in the clear is accepted")
		}
	})
}

func TestPerRPCCredentialsErrorsAreTyped(t *testing.T) {
	for _, class := range []string{messages.ClassRejected, messages.ClassTransient, messages.ClassMalformed} {
		t.Run(class, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, idptest.Fail(class))
				w := begin(t, idp, setup{})
				_, err := throughPerRPC(t.Context(), w, billing)
				if e := wantError(t, err, messages.ErrorOf(class)); e.Class != class || e.Service != billing {
					t.Errorf("error %+v", e)
				}
			})
		})
	}
}

func TestTokenSourceCarriesWhatOAuth2Knows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		tok := w.token(billing)
		source := w.sys.TokenSource(billing)
		got, err := source.Token()
		if err != nil {
			t.Fatal(err)
		}
		if got.AccessToken != tok.Value() || got.Type() != "Bearer" || !got.Expiry.Equal(tok.ExpiresAt) || got.RefreshToken != "" {
			t.Errorf("type %s, expires %v", got.Type(), got.Expiry)
		}
		pass(time.Hour)
		if next, err := source.Token(); err != nil || next.AccessToken == got.AccessToken {
			t.Errorf("the same token, or %v", err)
		}
	})
}
