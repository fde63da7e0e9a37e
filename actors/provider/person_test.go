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

// An account may be locked by attempts that come as soon as the server permits them.
func TestARefusalThatNamesATimeSparesThePerson(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		sparing bool
	}{
		"unauthorized":  {401, true},
		"forbidden":     {403, true},
		"a bad request": {400, true},
		"locked":        {423, true},
		"too many":      {429, false},
		"trouble":       {503, false},
		"a wrong place": {404, false},
	} {
		t.Run(name, func(t *testing.T) {
			url := serve(t, says(c.status, `{"message":"no"}`, "Content-Type", "application/json", "Retry-After", "1")).URL
			byGrant, err := NewPassword(byPassword(t, url))
			if err != nil {
				t.Fatal(err)
			}
			for kind, p := range map[string]Provider{"login": mustLogin(t, loginTo(t, url, Response{Token: "t"})), "password": byGrant} {
				if err := failure(t, p); err.Class != messages.ClassThrottled || err.Sparing != c.sparing {
					t.Errorf("%s: %s, sparing %v", kind, err.Class, err.Sparing)
				}
			}
			if err := failure(t, mustClient(t, client(t, url))); err.Class != messages.ClassThrottled || err.Sparing {
				t.Errorf("a client: %s, sparing %v", err.Class, err.Sparing)
			}
		})
	}
}
