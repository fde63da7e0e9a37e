package provider

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// Real token endpoints differ from each other and from what is written about
// them. These tables say what becomes of each answer that is known of one, or that
// a broken one may give; the tests of what judges an answer's parts go further.

// row is what a token endpoint answers, and what becomes of it: type, token,
// lifetime and scopes, or class, text and the wait it asks for.
type row struct {
	by   http.HandlerFunc
	want string
}

// body answers 200 with text.
func body(text string) http.HandlerFunc { return says(200, text, "Content-Type", "application/json") }

// member answers 200 with a token and more members.
func member(more string) http.HandlerFunc { return body(`{"access_token":"at",` + more + `}`) }

// lives answers with a token of a given lifetime, as it is written in JSON.
func lives(expiresIn string) http.HandlerFunc { return member(`"expires_in":` + expiresIn) }

// holds answers with a token, as it is written in JSON.
func holds(token string) http.HandlerFunc {
	return body(`{"access_token":` + token + `,"expires_in":60}`)
}

// undated takes the clock out of an answer.
func undated(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil
		h(w, r)
	}
}

// dated puts another clock into an answer.
func dated(at time.Time, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", at.UTC().Format(http.TimeFormat))
		h(w, r)
	}
}

// jwtWith returns an unsigned JWT with claims.
func jwtWith(claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode([]byte(claims)) + "."
}

// dying answers with a JWT that dies a time after at, and more members.
func dying(at time.Time, after time.Duration, more string) http.HandlerFunc {
	token := jwtWith(fmt.Sprintf(`{"iat":%d,"exp":%d}`, at.Unix(), at.Add(after).Unix()))
	return body(`{"access_token":"` + token + `"` + more + `}`)
}

// becomes returns what becomes of an answer.
func becomes(t *testing.T, by http.HandlerFunc) string {
	t.Helper()
	p := mustClient(t, client(t, serve(t, by).URL))
	res, err := Acquire(t.Context(), p, Request{Service: "billing"})
	now := time.Now()
	var life time.Duration
	if err == nil {
		l, late := Lifetime(res, now, now, Bounds{})
		if life = l.Length; late != nil {
			err = late
		}
	}
	if err != nil {
		e := asError(t, err)
		said := e.Class + ": " + strings.ReplaceAll(e.Text, p.(Hosted).Host(), "ADDRESS")
		if e.RetryAfter > 0 {
			said += "; wait " + e.RetryAfter.String()
		}
		return said
	}
	token := res.AccessToken.Reveal()
	if len(token) > 20 { // such as a JWT, whose exp counts from a moment that nobody knows exactly
		token, life = fmt.Sprintf("(%d bytes)", len(token)), life.Round(time.Minute)
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s for %s %s", res.Type, token, life, strings.Join(res.Scopes, ",")))
}

func wantAnswered(t *testing.T, table map[string]row) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(table)) {
		t.Run(name, func(t *testing.T) {
			if got := becomes(t, table[name].by); got != table[name].want {
				t.Errorf("got  %s\nwant %s", got, table[name].want)
			}
		})
	}
}

const needsProof = ": the token works only with proofs of a key, and was not requested with one"

func TestRealTypes(t *testing.T) {
	typed := func(text string) http.HandlerFunc { return member(`"expires_in":60,"token_type":` + text) }
	wantAnswered(t, map[string]row{
		"Bearer":                         {typed(`"Bearer"`), "Bearer at for 59s"},
		"bearer":                         {typed(`"bearer"`), "Bearer at for 59s"},
		"BEARER":                         {typed(`"BEARER"`), "Bearer at for 59s"},
		"spaces around":                  {typed(`" bearer "`), "Bearer at for 59s"},
		"none":                           {lives("60"), "Bearer at for 59s"},
		"null":                           {typed(`null`), "Bearer at for 59s"},
		"empty":                          {typed(`""`), "Bearer at for 59s"},
		"of one vendor":                  {typed(`"BearerToken"`), "Bearer at for 59s"},
		"DPoP that nobody asked for":     {typed(`"DPoP"`), "malformed: token_type DPoP" + needsProof},
		"dpop that nobody asked for":     {typed(`"dpop"`), "malformed: token_type DPoP" + needsProof},
		"mac":                            {typed(`"mac"`), "malformed: token_type MAC" + needsProof},
		"pop":                            {typed(`"pop"`), "malformed: token_type PoP" + needsProof},
		"two words":                      {typed(`"Bearer token"`), "Bearer at for 59s"},
		"a number":                       {typed(`1`), "malformed: token_type is not a text"},
		"a list":                         {typed(`["Bearer"]`), "malformed: token_type is not a text"},
		"a header besides":               {typed(`"Bearer\r\nX-Admin: 1"`), "Bearer at for 59s"},
		"a zero byte":                    {typed(`"Bearer\u0000"`), "Bearer at for 59s"},
		"of more than what anybody uses": {typed(`"` + strings.Repeat("B", 65) + `"`), "Bearer at for 59s"},
	})
}

func TestRealLifetimes(t *testing.T) {
	const (
		none    = "malformed: token comes without a lifetime: set default_ttl"
		tooLong = "malformed: token lives for about 100 years by expires_in, and at most 5 are allowed: set max_ttl, which then bounds it"
	)
	wantAnswered(t, map[string]row{
		"a number":               {lives("3600"), "Bearer at for 59m59s"},
		"a little less":          {lives("3598"), "Bearer at for 59m57s"},
		"a text":                 {lives(`"3600"`), "Bearer at for 59m59s"},
		"a fraction":             {lives("3599.25"), "Bearer at for 59m59.25s"},
		"a fraction, as a text":  {lives(`"3599.25"`), "Bearer at for 59m59.25s"},
		"an exponent":            {lives("3.6e3"), "Bearer at for 59m59s"},
		"spaces around":          {lives(`" 3600 "`), "Bearer at for 59m59s"},
		"none":                   {body(`{"access_token":"at"}`), none},
		"null":                   {lives("null"), none},
		"0":                      {lives("0"), "malformed: expires_in is not positive"},
		"0, as a text":           {lives(`"0"`), "malformed: expires_in is not positive"},
		"minus 0":                {lives("-0.0"), "malformed: expires_in is not positive"},
		"negative":               {lives("-1"), "malformed: expires_in is not positive"},
		"next to nothing":        {lives("1e-300"), "malformed: expires_in is not positive"},
		"a century":              {lives("3153600000"), "malformed: expires_in: 3153600000 is a time: use expires_at; or it is a lifetime of 100 years: set max_ttl, which then bounds it"},
		"more than 64 bits":      {lives("18446744073709551616"), tooLong},
		"absurdly much":          {lives("1e300"), tooLong},
		"more than a number can": {lives("1e999"), "malformed: expires_in is not a number"},
		"not a number":           {lives(`"NaN"`), "malformed: expires_in is not a number"},
		"not a number, bare":     {lives(`NaN`), "malformed: answer is not JSON: is token_url right?"},
		"infinity":               {lives(`"Infinity"`), "malformed: expires_in is not a number"},
		"an empty text":          {lives(`""`), "malformed: expires_in is not a number"},
		"a unit":                 {lives(`"1h"`), "malformed: expires_in is not a number"},
		"a date":                 {lives(`"2026-03-01T12:00:00Z"`), "malformed: expires_in is a time: use expires_at"},
		"true":                   {lives("true"), "malformed: expires_in is not a number"},
		"a list":                 {lives("[3600]"), "malformed: expires_in is not a number"},
		"of another token":       {member(`"refresh_token":"rt","refresh_expires_in":1,"expires_in":3600`), "Bearer at for 59m59s"},
	})
}

// A wrong clock on either side does no harm if the answer tells the IdP's.
func TestRealClocks(t *testing.T) {
	now := time.Now()
	early, late := now.Add(-time.Hour), now.Add(time.Hour)
	size := len(jwtWith(fmt.Sprintf(`{"iat":%d,"exp":%d}`, now.Unix(), now.Unix())))
	lived := fmt.Sprintf("Bearer (%d bytes) for 30m0s", size)
	wantAnswered(t, map[string]row{
		"right":                                {dying(now, 30*time.Minute, ""), lived},
		"right, untold":                        {undated(dying(now, 30*time.Minute+time.Second, "")), lived},
		"an hour slow":                         {dated(early, dying(early, 30*time.Minute, "")), lived},
		"an hour fast":                         {dated(late, dying(late, 30*time.Minute, "")), lived},
		"an hour slow, untold":                 {undated(dying(early, 90*time.Minute+time.Second, "")), lived},
		"dead on arrival":                      {dated(now, dying(now, -90*time.Second, "")), "malformed: token has expired already, 1m30s before it was asked for: check clocks"},
		"dead on arrival, it says, but is not": {dated(now, dying(now, -90*time.Second, `,"expires_in":3600`)), "malformed: token has expired already, 1m30s before it was asked for: check clocks"},
		"expires_in sooner":                    {dying(now, time.Hour, `,"expires_in":1800`), lived},
		"exp sooner":                           {dated(now, dying(now, 30*time.Minute, `,"expires_in":3600`)), lived},
		"issued in the future":                 {dated(now, dying(late, -30*time.Minute, "")), lived},
		"a date that is none":                  {says(200, `{"access_token":"at","expires_in":1800}`, "Date", "yesterday"), "Bearer at for 29m59s"},
		"a date of long ago":                   {says(200, `{"access_token":"at","expires_in":1800}`, "Date", "Mon, 01 Jan 0001 00:00:00 GMT"), "Bearer at for 29m59s"},
	})
}

// Some endpoints give out one token until it dies, with less life each time.
func TestARealTokenThatComesAgain(t *testing.T) {
	left := 1800
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		lives(fmt.Sprint(left))(w, r)
		left -= 600
	})
	p := mustClient(t, client(t, server.URL))
	for _, want := range []time.Duration{30 * time.Minute, 20 * time.Minute, 10 * time.Minute} {
		if res := acquire(t, p); res.Lifetime != want || res.AccessToken.Reveal() != "at" {
			t.Errorf("got %s for %s, want %s", res.AccessToken.Reveal(), res.Lifetime, want)
		}
	}
	wantFailure(t, failure(t, p), "malformed", "expires_in is not positive")
}
