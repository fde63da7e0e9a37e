package provider

import (
	"crypto/elliptic"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"

	"tokend/messages"
)

// bearing returns settings of a client without a name.
func bearing(t *testing.T, url, key string) JWTBearer {
	t.Helper()
	return JWTBearer{
		Grant:     Grant{Endpoint: reach(t), TokenURL: url, Now: func() time.Time { return time.Unix(1e9, 0) }},
		Assertion: Assertion{Key: hush(key), Issuer: "probe"},
	}
}

// accountFile is what Google makes for a service account.
func accountFile(t *testing.T, key any, tokenURL string) string {
	t.Helper()
	return asJSON(map[string]string{
		"type": "service_account", "project_id": "p", "private_key_id": "g1", "private_key": pkcs8(t, key),
		"client_email": "robot@p.iam.example", "client_id": "1234", "token_uri": tokenURL,
	})
}

// saidOf parses the assertion of a request.
func saidOf(t *testing.T, form url.Values, public any) (header jose.Header, claims claimSet, scope string) {
	t.Helper()
	parsed, err := jwt.ParseSigned(form.Get("assertion"), []jose.SignatureAlgorithm{"ES256", "RS256"})
	if err != nil {
		t.Fatal(err)
	}
	var more struct {
		Scope string `json:"scope"`
	}
	if err := parsed.Claims(public, &claims, &more); err != nil {
		t.Fatal(err)
	}
	wantTimes(t, claims)
	return parsed.Headers[0], claims, more.Scope
}

func TestAnAssertionStandsForWhomTheTokenIs(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	for name, c := range map[string]struct {
		change  func(*JWTBearer)
		issuer  string
		subject string
		aud     string // empty: the endpoint
		form    url.Values
	}{
		"of itself": {func(*JWTBearer) {}, "probe", "probe", "", url.Values{}},
		"of another, for the issuer": {
			func(j *JWTBearer) {
				j.Assertion.Subject, j.Assertion.Audience, j.Issuer = "robot", AudienceIssuer, "https://idp.example"
			},
			"probe", "robot", "https://idp.example",
			url.Values{},
		},
		"of the client": {
			func(j *JWTBearer) { j.Assertion.Issuer, j.ClientID, j.Auth = "", "c1", AuthNone },
			"c1", "c1", "",
			url.Values{"client_id": {"c1"}},
		},
		"with scopes and a secret": {
			func(j *JWTBearer) {
				j.Scopes, j.ClientID, j.Auth, j.ClientSecret = []string{"a", "b"}, "c1", AuthPost, hush("open sesame")
			},
			"probe", "probe", "",
			url.Values{"scope": {"a b"}, "client_id": {"c1"}, "client_secret": {"open sesame"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			handler, requests := record(t)
			settings := bearing(t, serve(t, handler).URL+"/token", pkcs8(t, key))
			c.change(&settings)
			p, err := NewJWTBearer(settings)
			if err != nil {
				t.Fatal(err)
			}
			acquire(t, p)
			form := (<-requests).form
			_, got, _ := saidOf(t, form, key.Public())
			aud := c.aud
			if aud == "" {
				aud = settings.TokenURL
			}
			want := claims(c.issuer, c.subject, aud, settings.Now())
			want.ID = got.ID
			c.form["grant_type"], c.form["assertion"] = []string{jwtBearerGrant}, form["assertion"]
			if diff := cmp.Diff(want, got) + cmp.Diff(c.form, form); diff != "" || got.ID == "" {
				t.Error(diff)
			}
		})
	}
}

func TestAServiceAccountsFileWorksAsItIs(t *testing.T) {
	key := theRSAKey()
	for name, subject := range map[string]string{"for itself": "", "for another": "user@example"} {
		t.Run(name, func(t *testing.T) {
			handler, requests := record(t)
			url := serve(t, handler).URL + "/token"
			settings := bearing(t, "", accountFile(t, key, url))
			settings.Assertion.Issuer, settings.Assertion.Subject, settings.Scopes = "", subject, []string{"a", "b"}
			p, err := NewJWTBearer(settings)
			if err != nil {
				t.Fatal(err)
			}
			acquire(t, p)
			form := (<-requests).form
			header, got, scope := saidOf(t, form, key.Public())
			want := claims("robot@p.iam.example", subject, url, settings.Now())
			want.ID = got.ID
			if diff := cmp.Diff(want, got); diff != "" || scope != "a b" || header.KeyID != "g1" || header.Algorithm != "RS256" {
				t.Errorf("%s scope %q, kid %q, %s", diff, scope, header.KeyID, header.Algorithm)
			}
			if form.Has("scope") || form.Has("client_id") {
				t.Errorf("sent %v", form)
			}
		})
	}
}

func TestAssertionsThatCannotBeMade(t *testing.T) {
	good := pkcs8(t, ecKey(t, elliptic.P256()))
	for want, change := range map[string]func(*JWTBearer){
		"assertion.key: missing":                                        func(j *JWTBearer) { j.Assertion.Key = nil },
		"assertion.key: gone":                                           func(j *JWTBearer) { j.Assertion.Key = func() (Text, error) { return Text{}, errors.New("gone") } },
		"assertion.key: " + errNoKey.Error():                            func(j *JWTBearer) { j.Assertion.Key = hush(`{"type":"service_account"}`) },
		"assertion.issuer: missing":                                     func(j *JWTBearer) { j.Assertion.Issuer = "" },
		"assertion.audience: there is no issuer":                        func(j *JWTBearer) { j.Assertion.Audience = AudienceIssuer },
		"assertion.algorithm: HS256 does not suit the key, ES256 would": func(j *JWTBearer) { j.Assertion.Algorithm = "HS256" },
		"token_url: not an https:// URL":                                func(j *JWTBearer) { j.TokenURL = "" },
		"client_id: missing":                                            func(j *JWTBearer) { j.Auth = AuthPost },
	} {
		settings := bearing(t, "https://idp.example/", good)
		change(&settings)
		if _, err := NewJWTBearer(settings); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	settings := bearing(t, "https://127.0.0.1:1/", good)
	next := hush(good)
	settings.Assertion.Key = func() (Text, error) { return next() }
	p, err := NewJWTBearer(settings)
	if err != nil {
		t.Fatal(err)
	}
	next = hush("half")
	wantFailure(t, failure(t, p), messages.ClassTransient, "assertion.key: "+errNoKey.Error())
}

func TestP7AnAssertionDoesNotShow(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	server := serve(t, echo(t, 400))
	p, err := NewJWTBearer(bearing(t, server.URL, pkcs8(t, key)))
	if err != nil {
		t.Fatal(err)
	}
	if e := failure(t, p); jwtLike.MatchString(e.Text) {
		t.Error(e.Text)
	}
}
