package provider

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"tokend/messages"
)

const (
	notJSON = "malformed: answer is not JSON: is token_url right?"
	markup  = "malformed: answer is HTML or XML, not JSON: is token_url right?"
	noText  = "malformed: access token holds a space or another character that is not visible ASCII"
)

func TestRealRefusals(t *testing.T) {
	formed := func(status int, text string) http.HandlerFunc {
		return says(status, text, "Content-Type", "application/x-www-form-urlencoded")
	}
	page := func(status int) http.HandlerFunc {
		return says(status, "<!DOCTYPE html><title>canary</title>", "Content-Type", "text/html")
	}
	wantAnswered(t, map[string]row{
		"wrong client, by RFC 6749":        {says(401, `{"error":"invalid_client"}`), "rejected: 401 invalid_client"},
		"wrong client, by 400":             {says(400, `{"error":"invalid_client"}`), "rejected: 400 invalid_client"},
		"as a form":                        {formed(400, "error=invalid_grant&error_description=too+old"), "rejected: 400 invalid_grant: too old"},
		"as a form that is called HTML":    {says(400, "error=invalid_grant", "Content-Type", "text/html"), "rejected: 400 invalid_grant"},
		"a spent refresh token":            {says(400, `{"error":"invalid_request","error_description":"already been claimed"}`), "rejected: 400 invalid_request: already been claimed"},
		"an unknown scope":                 {says(400, `{"error":"invalid_scope"}`), "rejected: 400 invalid_scope"},
		"a scope that is narrowed":         {member(`"expires_in":60,"scope":"read"`), "Bearer at for 59s read"},
		"no proof of a key":                {says(400, `{"error":"use_dpop_nonce"}`, "DPoP-Nonce", "canary"), "rejected: 400 use_dpop_nonce"},
		"a page with 401":                  {page(401), "transient: 401: a page came, not an answer of the API"},
		"a page with 403":                  {page(403), "transient: 403: a page came, not an answer of the API"},
		"a page with 400":                  {page(400), "transient: 400 bad request"},
		"a page with 404":                  {page(404), "transient: 404: is token_url right?"},
		"a page with 502":                  {page(502), "transient: 502 bad gateway"},
		"a page with 200":                  {page(200), markup},
		"a page of a hotel":                {says(511, "<html>"), "transient: 511 network authentication required"},
		"XML with 200":                     {body(`<?xml version="1.0"?><a/>`), markup},
		"200 with an error":                {body(`{"error":"invalid_client","error_description":"no"}`), "rejected: 200 invalid_client: no"},
		"200 with an error, as a form":     {formed(200, "error=bad_verification_code"), "rejected: 200 bad_verification_code"},
		"200 with an error and a token":    {member(`"error":"","expires_in":60`), "Bearer at for 59s"},
		"200 with a status of its own":     {body(`{"status":401,"message":"no"}`), "malformed: access_token is missing: no"},
		"an error that is an object":       {says(400, `{"error":{"code":400,"message":"canary"}}`), "rejected: 400 bad request: canary"},
		"an error that is a list":          {says(400, `[{"error":"invalid_client"}]`), "transient: 400 bad request"},
		"an error of another standard":     {says(400, `{"type":"about:blank","title":"canary"}`, "Content-Type", "application/problem+json"), "transient: 400 bad request: canary"},
		"an error of a size":               {says(400, `{"error":"`+strings.Repeat("e", 5000)+`"}`), "rejected: 400 " + strings.Repeat("e", maxCode)},
		"a description of a size":          {says(400, `{"error":"x","error_description":"`+strings.Repeat("d", 9000)+`"}`), "rejected: 400 x: description withheld: it is too long"},
		"a description over several lines": {says(400, `{"error":"x","error_description":"a\r\nlevel=error b\u001b[31m"}`), "rejected: 400 x: a level=error b [31m"},
		"a description in Latin-1":         {says(400, "{\"error\":\"x\",\"error_description\":\"ung\xfcltig\"}"), "rejected: 400 x: ung\ufffdltig"},
		"an error that passes":             {says(400, `{"error":"temporarily_unavailable"}`), "transient: 400 temporarily_unavailable"},
		"a redirect":                       {says(302, "", "Location", "https://sso.example/login?state=canary"), "transient: 302: redirect to https://sso.example/login refused: set token_url to the final address"},
		"a redirect that keeps the method": {says(308, "", "Location", "/token/"), "transient: 308: redirect to http://ADDRESS/token/ refused: set token_url to the final address"},
	})
}

func TestRealPatience(t *testing.T) {
	past := time.Now().Add(-time.Hour)
	in := func(d time.Duration) string { return past.Add(d).UTC().Format(http.TimeFormat) }
	asks := func(after string) http.HandlerFunc { return says(429, "", "Retry-After", after) }
	const throttled = "throttled: 429 too many requests"
	wantAnswered(t, map[string]row{
		"none":                      {says(429, ""), throttled},
		"seconds":                   {asks("120"), throttled + "; wait 2m0s"},
		"a fraction":                {asks("0.5"), throttled + "; wait 1s"},
		"a date":                    {dated(past, asks(in(time.Minute))), throttled + "; wait 1m0s"},
		"a date, a clock that lags": {dated(past, asks(in(2*time.Hour))), throttled + "; wait 2h0m0s"},
		"a date in the past":        {dated(past, asks(in(-time.Minute))), throttled},
		"a date of its own kind":    {asks("2026-03-01T12:00:00Z"), throttled},
		"a week":                    {asks("604800"), throttled + "; wait 168h0m0s"},
		"more than 64 bits":         {asks("18446744073709551616"), throttled + "; wait 8760h0m0s"},
		"negative":                  {asks("-1"), throttled},
		"an exponent":               {asks("1e9"), throttled},
		"nonsense":                  {asks("a while"), throttled},
		"twice":                     {says(429, "", "Retry-After", "7, 9"), throttled},
		"503 with":                  {says(503, "", "Retry-After", "7"), "throttled: 503 service unavailable; wait 7s"},
		"503 without":               {says(503, ""), "transient: 503 service unavailable"},
		"200 with":                  {says(200, "", "Retry-After", "7"), "malformed: answer is empty"},
		"401 with":                  {says(401, "", "Retry-After", "7"), "throttled: 401 unauthorized; wait 7s"},
	})
}

func TestRealTexts(t *testing.T) {
	const good = `{"access_token":"at","expires_in":60}`
	const fine = "Bearer at for 59s"
	wide := func(order func(uint16) [2]byte) string {
		var out []byte
		for _, unit := range utf16.Encode([]rune("\ufeff" + good)) {
			pair := order(unit)
			out = append(out, pair[:]...)
		}
		return string(out)
	}
	wantAnswered(t, map[string]row{
		"a charset":                  {says(200, good, "Content-Type", "application/json;charset=UTF-8"), fine},
		"a charset of Windows":       {says(200, good, "Content-Type", "application/json; charset=windows-1252"), fine},
		"a type that cannot be read": {says(200, good, "Content-Type", "application/json; charset"), fine},
		"no type":                    {says(200, good, "Content-Type", ""), fine},
		"a byte order mark":          {body("\xef\xbb\xbf" + good), fine},
		"a mark and spaces":          {body("\xef\xbb\xbf\r\n " + good + "\r\n\r\n"), fine},
		"UTF-16, big end first":      {body(wide(func(u uint16) [2]byte { return [2]byte{byte(u >> 8), byte(u)} })), fine},
		"UTF-16, little end first":   {body(wide(func(u uint16) [2]byte { return [2]byte{byte(u), byte(u >> 8)} })), fine},
		"escapes":                    {body(`{"access\u005ftoken":"\u0061t","expires_in":60}`), fine},
		"something after it":         {body(good + "garbage"), notJSON},
		"a zero byte after it":       {body(good + "\x00"), notJSON},
		"a second object after it":   {body(good + "\n" + good), notJSON},
		"a guard before it":          {body(")]}'\n" + good), notJSON},
		"a call around it":           {body("callback(" + good + ")"), notJSON},
		"a comment":                  {body("/* ok */" + good), notJSON},
		"a comma too many":           {body(`{"access_token":"at",}`), notJSON},
		"quotes of another kind":     {body(`{'access_token':'at'}`), notJSON},
		"JSON in a text":             {body(`"{\"access_token\":\"at\"}"`), "malformed: answer is not a JSON object"},
		"a list of one":              {body("[" + good + "]"), "malformed: answer is not a JSON object"},
		"an object within":           {body(`{"data":` + good + `}`), "malformed: access_token is missing"},
		"a dot in a name":            {body(`{"access_token.":"no","access_token":"at","expires_in":60}`), fine},
		"a token twice: the first":   {body(`{"access_token":"at","access_token":"other","expires_in":60}`), fine},
		"a life twice: the first":    {body(`{"access_token":"at","expires_in":60,"expires_in":7200}`), fine},
		"a form, a token twice":      {says(200, "access_token=at&access_token=other&expires_in=60", "Content-Type", "application/x-www-form-urlencoded"), fine},
		"a form that is none":        {says(200, "access_token=%zz", "Content-Type", "application/x-www-form-urlencoded"), notJSON},
		"a form with a type of text": {says(200, "access_token=at&expires_in=60", "Content-Type", "text/plain"), fine},
		"deep":                       {body(strings.Repeat(`{"a":`, 100_000)), notJSON},
		"the text null":              {body("null"), "malformed: answer is not a JSON object"},
		"nothing":                    {body(""), "malformed: answer is empty"},
	})
}

func TestRealTokens(t *testing.T) {
	wantAnswered(t, map[string]row{
		"64 KiB":               {holds(`"` + strings.Repeat("a", maxToken) + `"`), "Bearer (65536 bytes) for 1m0s"},
		"more":                 {holds(`"` + strings.Repeat("a", maxToken+1) + `"`), "malformed: access token of 65537 bytes, more than 65536"},
		"a header besides":     {holds(`"at\r\nX-Admin: 1"`), noText},
		"a line end":           {holds(`"at\n"`), noText},
		"a zero byte":          {holds(`"a\u0000t"`), noText},
		"delete":               {holds(`"a\u007ft"`), noText},
		"a control of Latin-1": {holds(`"a\u0085t"`), noText},
		"a tab":                {holds(`"a\tt"`), noText},
		"a space before":       {holds(`" at"`), noText},
		"a scheme before":      {holds(`"Bearer at"`), "Bearer at for 59s"},
		"a letter of Latin-1":  {holds(`"\u00e4t"`), noText},
		"half a character":     {holds(`"\ud800"`), noText},
		"a number":             {holds(`12345`), "malformed: access_token is not a text"},
		"an object":            {holds(`{"value":"at"}`), "malformed: access_token is not a text"},
		"true":                 {holds(`true`), "malformed: access_token is not a text"},
		"null":                 {holds(`null`), "malformed: access_token is missing"},
		"empty":                {holds(`""`), "malformed: access_token is missing"},
	})
}

// interim answers with what the endpoint says before its answer, many times over.
func interim(t *testing.T, status string, times int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		for range times {
			if _, err := io.WriteString(conn, "HTTP/1.1 "+status+"\r\nLink: </a>\r\n\r\n"); err != nil {
				return // it has been given up
			}
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"+`{"access_token":"at","expires_in":60}`)
	}
}

func TestRealConnections(t *testing.T) {
	huge := strings.Repeat("h", maxHeaders)
	wantAnswered(t, map[string]row{
		"100 before it":             {interim(t, "100 Continue", 1), "Bearer at for 59s"},
		"103 before it":             {interim(t, "103 Early Hints", 2), "Bearer at for 59s"},
		"103 without end":           {interim(t, "103 Early Hints", 1<<20), "transient: no valid HTTP answer from ADDRESS"},
		"headers alone":             {hijack(t, "HTTP/1.1 200 OK\r\n\r\n", false), "malformed: answer is empty"},
		"headers that end midway":   {hijack(t, "HTTP/1.1 200 OK\r\nX: ", false), "transient: connection closed by ADDRESS before the answer was complete"},
		"a header of a size":        {says(200, "", "X-Huge", huge), "transient: no valid HTTP answer from ADDRESS"},
		"a header that is none":     {hijack(t, "HTTP/1.1 200 OK\r\nno header\r\n\r\n", false), "transient: no valid HTTP answer from ADDRESS"},
		"two lengths":               {hijack(t, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", false), "transient: no valid HTTP answer from ADDRESS"},
		"a length that is negative": {hijack(t, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}", false), "transient: no valid HTTP answer from ADDRESS"},
		"chunks that are none":      {hijack(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", false), "transient: no valid HTTP answer from ADDRESS"},
		"gzip":                      {zipped(100), "Bearer at-1 for 59m59s"},
		"gzip that explodes":        {zipped(64 << 20), "malformed: answer is larger than 1048576 bytes"},
		"gzip that is cut":          {says(200, string(gzipped(goodAnswer)[:40]), "Content-Encoding", "gzip"), "malformed: answer cannot be decompressed"},
		"a body without end": {
			func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, spaces{}) },
			"malformed: answer is larger than 1048576 bytes",
		},
	})
}

// A server that is an hour off refuses assertions and does not say why.
func TestARealRefusalByAnotherClock(t *testing.T) {
	settings := client(t, serve(t, dated(time.Now().Add(time.Hour), says(401, `{"error":"invalid_client"}`))).URL)
	settings.Auth, settings.ClientSecret = AuthSecretJWT, hush(strings.Repeat("s", 64))
	got := failure(t, mustClient(t, settings))
	if got.Class != messages.ClassRejected || !strings.Contains(got.Text, "401 invalid_client: check clocks: the endpoint's is ") {
		t.Errorf("got %s: %s", got.Class, got.Text)
	}
}
