package provider

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// timeClaims are what a token that is a JWT says about its time.
type timeClaims struct {
	ends   ends
	issued time.Time // iat; zero: it does not say
	begins time.Time // nbf; zero: it does not say
	unread string    // why nbf cannot be read
}

// claimsOf returns the claims of a token, none if it does not look like a JWS in
// compact form (RFC 7515, section 7.1). They are numbers of seconds (RFC 7519,
// section 2), but some servers write others.
func claimsOf(token string) timeClaims {
	var c timeClaims
	payload, ok := payloadOf(token)
	if !ok {
		return c
	}
	c.issued, _ = instant(gjson.GetBytes(payload, "iat"))
	var err error
	if c.begins, err = instant(gjson.GetBytes(payload, "nbf")); err != nil && err != errNotPositive {
		c.unread = "nbf of the token: " + err.Error() + ": it does not count"
	}
	exp := gjson.GetBytes(payload, "exp")
	if absent(exp) {
		return c
	}
	at, err := instant(exp)
	c.ends = ends{{source: SourceJWT, name: "exp of the token", at: at, err: err}}
	if life := at.Sub(c.issued); err == nil && !c.issued.IsZero() && life > 0 {
		c.ends = append(c.ends, end{
			source: SourceJWT, name: "exp and iat of the token", life: min(life, maxLifetime), whole: life%time.Second == 0,
		})
	}
	return c
}

// payloadOf returns the payload of a JWT.
func payloadOf(token string) ([]byte, bool) {
	parts := strings.Split(token, ".")
	if len(token) > maxToken || len(parts) != 3 || !gjson.GetBytes(jwtPart(parts[0]), "alg").Exists() {
		return nil, false
	}
	payload := jwtPart(parts[1])
	return payload, payload != nil
}

// jwtPart returns the JSON object that a part of a JWT encodes, nil if none. Some
// servers take the other alphabet of base64.
func jwtPart(part string) []byte {
	raw, err := base64.RawURLEncoding.DecodeString(strings.NewReplacer("=", "", "+", "-", "/", "_").Replace(part))
	if err != nil || len(raw) == 0 || raw[0] != '{' || !json.Valid(raw) {
		return nil
	}
	return raw
}
