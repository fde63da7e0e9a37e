package provider

import (
	"crypto/elliptic"
	"testing"

	"tokend/messages"
)

// Whose credentials were refused decides how soon they are sent again.
func TestARefusalSaysWhoseCredentialsWereSent(t *testing.T) {
	made := func(p Provider, err error) Provider {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	says401 := serve(t, says(401, `{"error":"invalid_client"}`)).URL
	dead := serve(t, spent("invalid_grant")).URL
	fallen := func(fallback Provider) Provider {
		return made(NewRefreshToken(RefreshToken{Grant: Grant(client(t, dead)), RefreshToken: hush("first"), Fallback: fallback}))
	}
	for name, c := range map[string]struct {
		p      Provider
		person bool // of the refusal
		sends  bool // such credentials at every attempt
	}{
		"a client's secret":         {mustClient(t, client(t, says401)), false, false},
		"a key":                     {made(NewJWTBearer(bearing(t, dead, pkcs8(t, ecKey(t, elliptic.P256()))))), false, false},
		"a refresh token":           {fallen(nil), false, false},
		"a password":                {made(NewPassword(byPassword(t, dead))), true, true},
		"a login":                   {mustLogin(t, loginTo(t, says401, Response{Token: "t"})), true, true},
		"a password in their place": {fallen(made(NewPassword(byPassword(t, dead)))), true, false},
		"a login in their place":    {fallen(mustLogin(t, loginTo(t, says401, Response{Token: "t"}))), true, false},
		"a client in their place":   {fallen(mustClient(t, client(t, says401))), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			err := failure(t, c.p)
			if err.Class != messages.ClassRejected || err.Person != c.person {
				t.Errorf("%s, person %v: %s", err.Class, err.Person, err.Text)
			}
			if p, ok := c.p.(Personal); !ok || p.Personal() != c.sends {
				t.Errorf("sends a person's at every attempt: %v", !c.sends)
			}
		})
	}
}
