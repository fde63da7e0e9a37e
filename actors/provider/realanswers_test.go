package provider

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// What servers that are in use answer when they give no token, by the members that
// they use for it. The tables say what becomes of each: its class, its text, and what
// else the error asks for.

// verdictOf writes an error as these tables do.
func verdictOf(e *Error, host string) string {
	words := []string{e.Class}
	for _, flag := range []struct {
		set  bool
		word string
	}{{e.Again, "again"}, {e.Sparing, "sparing"}, {e.Page, "page"}} {
		if flag.set {
			words = append(words, flag.word)
		}
	}
	said := strings.Join(words, " ") + ": " + strings.ReplaceAll(e.Text, host, "ADDRESS")
	if e.RetryAfter > 0 {
		said += "; wait " + e.RetryAfter.String()
	}
	return said
}

func wantVerdicts(t *testing.T, table map[string]row, provider func(t *testing.T, url string) Provider) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(table)) {
		t.Run(name, func(t *testing.T) {
			p := provider(t, serve(t, table[name].by).URL)
			if got := verdictOf(failure(t, p), p.(Hosted).Host()); got != table[name].want {
				t.Errorf("got  %s\nwant %s", got, table[name].want)
			}
		})
	}
}

func byClient(t *testing.T, url string) Provider { return mustClient(t, client(t, url)) }

// byLogin returns what makes logins with a response.
func byLogin(r Response) func(*testing.T, string) Provider {
	return func(t *testing.T, url string) Provider { return mustLogin(t, loginTo(t, url, r)) }
}

const (
	htmlPage  = "<!DOCTYPE html><html><head><title>canary</title></head><body>no</body></html>"
	loginPage = `<html><body><form action="/login" method="post"><input name="user"><input type="password" name="pw"></form></body></html>`
	soapFault = `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault><faultstring>no</faultstring></soap:Fault></soap:Body></soap:Envelope>`
)

func TestRealAnswersOfTokenEndpoints(t *testing.T) {
	page := func(status int, more ...string) http.HandlerFunc {
		return says(status, htmlPage, append([]string{"Content-Type", "text/html"}, more...)...)
	}
	wantVerdicts(t, map[string]row{
		"Graph, wrong client":          {says(400, `{"error":{"message":"Invalid Client ID","type":"OAuthException","code":101,"fbtrace_id":"x"}}`), "rejected: 400 OAuthException: Invalid Client ID"},
		"Graph, trouble":               {says(400, `{"error":{"message":"Service temporarily unavailable","type":"OAuthException","code":2}}`), "transient: 400 OAuthException: Service temporarily unavailable"},
		"200, status and msg":          {body(`{"status":"error","msg":"invalid client secret"}`), "rejected: access_token is missing: invalid client secret"},
		"200, ok false":                {body(`{"ok":false,"error":"invalid_client_id"}`), "rejected: 200 invalid_client_id"},
		"200, ok false, ratelimited":   {body(`{"ok":false,"error":"ratelimited"}`), "throttled: 200 ratelimited"},
		"200, ok false, internal":      {body(`{"ok":false,"error":"internal_error"}`), "transient: 200 internal_error"},
		"200, ok false, fatal":         {body(`{"ok":false,"error":"fatal_error"}`), "transient: 200 fatal_error"},
		"200, ok false, timeout":       {body(`{"ok":false,"error":"request_timeout"}`), "transient: 200 request_timeout"},
		"200, ok false alone":          {body(`{"ok":false}`), "malformed again: access_token is missing"},
		"200, success false":           {body(`{"success":false,"message":"no such client"}`), "rejected: access_token is missing: no such client"},
		"200, success false, a number": {body(`{"success":false,"code":1003}`), "malformed again: access_token is missing"},
		"200, success false, busy":     {body(`{"success":false,"errorCode":"SYSTEM_BUSY","message":"later"}`), "transient: 200 SYSTEM_BUSY: later"},
		"200, success false, text":     {body(`{"success":"false","message":"Server is under maintenance"}`), "transient: access_token is missing: Server is under maintenance"},
		"200, bad code":                {body(`{"error":"bad_verification_code","error_description":"incorrect or expired","error_uri":"https://docs.example"}`), "rejected: 200 bad_verification_code: incorrect or expired"},
		"200, invalid code":            {body(`{"error":"invalid_code"}`), "rejected: 200 invalid_code"},
		"200, error true":              {body(`{"error":true,"message":"Client authentication failed"}`), "rejected: access_token is missing: Client authentication failed"},
		"200, error is a number":       {body(`{"error":40013,"error_description":"invalid appid"}`), "malformed again: 200 40013: invalid appid"},
		"200, errcode":                 {body(`{"errcode":40013,"errmsg":"invalid appid hint: [x]"}`), "malformed again: access_token is missing: invalid appid hint: [x]"},
		"200, code and msg":            {body(`{"code":10003,"msg":"invalid param"}`), "malformed again: access_token is missing: invalid param"},
		"200, all is well but no token": {
			body(`{"code":0,"msg":"ok","tenant_token":"t-1"}`), "malformed: access_token is missing: ok",
		},
		"400, code with words":           {says(400, `{"code":"invalidParameter.authCode","message":"not found"}`), "rejected: 400 invalidParameter.authCode: not found"},
		"400, a bare number":             {says(400, `{"code":40078,"msg":"no such code"}`), "transient again: 400 bad request: no such code"},
		"400, errorCode":                 {says(400, `{"errorCode":"E0000011","errorSummary":"Invalid token provided","errorLink":"E0000011","errorCauses":[]}`), "rejected: 400 E0000011: Invalid token provided"},
		"400, error codes in a text":     {says(400, `{"error":"invalid_grant","error_description":"AADX70008: The code has expired.","error_codes":[70008],"trace_id":"x"}`), "rejected: 400 invalid_grant: AADX70008: The code has expired."},
		"400, throttled in words":        {says(400, `{"error":"rate_limit_exceeded"}`), "throttled: 400 rate_limit_exceeded"},
		"400, throttled in camels":       {says(400, `{"error":{"code":"RequestLimitRateExceeded","message":"x"}}`), "throttled: 400 RequestLimitRateExceeded: x"},
		"400, too many":                  {says(400, `{"error":"tooManyRequests"}`), "throttled: 400 tooManyRequests"},
		"400, quota":                     {says(400, `{"error":{"status":"QUOTA_EXCEEDED","code":400}}`), "throttled: 400 QUOTA_EXCEEDED"},
		"400, overloaded":                {says(400, `{"error":"overloaded_error"}`), "transient: 400 overloaded_error"},
		"400, try again":                 {says(400, `{"error":"TRY_AGAIN_LATER"}`), "transient: 400 TRY_AGAIN_LATER"},
		"400, timed out":                 {says(400, `{"error":"upstream_timed_out"}`), "transient: 400 upstream_timed_out"},
		"400, a message alone":           {says(400, `{"message":"Bad things"}`), "transient: 400 bad request: Bad things"},
		"400, an object is not dumped":   {says(400, `{"error":{"message":{"a":"canary"},"code":7},"detail":["canary"]}`), "transient again: 400 bad request"},
		"401, a message of a gateway":    {says(401, `{"message":"Invalid authentication credentials"}`), "rejected: 401 unauthorized: Invalid authentication credentials"},
		"401, a fault of a gateway":      {says(401, `{"fault":{"faultstring":"Invalid ApiKey","detail":{"errorcode":"oauth.v2.InvalidApiKey"}}}`), "rejected: 401 oauth.v2.InvalidApiKey: Invalid ApiKey"},
		"200, a status of its own":       {body(`{"status":401,"message":"no"}`), "malformed again: access_token is missing: no"},
		"200, success 0":                 {body(`{"success":0,"error_msg":"bad key"}`), "rejected: access_token is missing: bad key"},
		"200, Success false":             {body(`{"Success":false,"Message":"bad key"}`), "rejected: access_token is missing: bad key"},
		"400, Access Denied of too many": {says(400, `{"error_description":"You have made too many requests continuously. Please try again after some time.","error":"Access Denied","status":"failure"}`), "throttled: 400 Access Denied: You have made too many requests continuously. Please try again after some time."},
		"400, a type of exception":       {says(400, `{"__type":"NotAuthorizedException","message":"Incorrect username or password."}`), "rejected: 400 NotAuthorizedException: Incorrect username or password."},
		"400, a type that throttles":     {says(400, `{"__type":"com.example#ThrottlingException","message":"Rate exceeded"}`), "throttled: 400 com.example#ThrottlingException: Rate exceeded"},
		"401, in capitals":               {says(401, `{"Message":"Authorization has been denied for this request."}`), "rejected: 401 unauthorized: Authorization has been denied for this request."},
		"403, a list of errors":          {says(403, `{"errors":[{"code":99,"message":"Unable to verify your credentials"}]}`), "rejected: 403 forbidden: Unable to verify your credentials"},
		"403, a page that is encoded":    {says(403, "\x8b\x02\x80", "Content-Type", "text/html", "Content-Encoding", "br"), "transient page: 403: a page came, not an answer of the API"},
		"401, a problem":                 {says(401, `{"type":"about:blank","title":"Unauthorized","status":401,"detail":"client is disabled"}`, "Content-Type", "application/problem+json"), "rejected: 401 unauthorized: client is disabled"},
		"401, of a framework":            {says(401, `{"timestamp":"2026-03-01","status":401,"error":"Unauthorized","message":"Bad credentials","path":"/oauth/token"}`), "rejected: 401 Unauthorized: Bad credentials"},
		"401, a page":                    {page(401), "transient page: 401: a page came, not an answer of the API"},
		"401, a page that asks":          {page(401, "WWW-Authenticate", "Negotiate"), "rejected page: 401: a page came, not an answer of the API"},
		"401, a page that asks for more": {page(401, "WWW-Authenticate", `Basic realm="x"`), "rejected page: 401: a page came, not an answer of the API"},
		"401, empty, called HTML":        {says(401, "", "Content-Type", "text/html"), "rejected: 401 unauthorized"},
		"401, a fault of SOAP":           {says(401, soapFault, "Content-Type", "text/xml"), "rejected: 401 unauthorized"},
		"401, XML that is called HTML":   {says(401, `<?xml version="1.0"?><fault/>`, "Content-Type", "text/html"), "rejected: 401 unauthorized"},
		"401, JSON that is called HTML":  {says(401, `{"error":"invalid_client"}`, "Content-Type", "text/html; charset=UTF-8"), "rejected: 401 invalid_client"},
		"401, a text":                    {says(401, "bad client", "Content-Type", "text/plain"), "rejected: 401 unauthorized"},
		"401, in the header alone":       {says(401, "", "WWW-Authenticate", `Bearer realm="x", error="invalid_client", error_description="no such client"`), "rejected: 401 invalid_client: no such client"},
		"401, in the header, but later":  {says(401, "", "WWW-Authenticate", `Bearer error="temporarily_unavailable"`), "transient: 401 temporarily_unavailable"},
		"401, in body and header":        {says(401, `{"error":"invalid_grant"}`, "WWW-Authenticate", `Bearer error="invalid_token"`), "rejected: 401 invalid_grant"},
		"403, a page of a firewall":      {page(403), "transient page: 403: a page came, not an answer of the API"},
		"403, a page without its type":   {says(403, "<html>\r\n<head><title>403 Forbidden</title></head>\r\n<center>nginx</center></html>", "Content-Type", ""), "transient page: 403: a page came, not an answer of the API"},
		"403, the text of an edge":       {says(403, "error code: 1020", "Content-Type", "text/plain"), "transient page: 403: a page came, not an answer of the API"},
		"403, XHTML":                     {says(403, `<?xml version="1.0"?><!DOCTYPE html PUBLIC "x"><html>`, "Content-Type", "application/xhtml+xml"), "transient page: 403: a page came, not an answer of the API"},
		"403, half a page":               {says(403, "Access denied<br>Your id: 1", "Content-Type", "text/html"), "transient page: 403: a page came, not an answer of the API"},
		"403, a page without end":        {says(403, htmlPage+strings.Repeat(" ", maxBody), "Content-Type", "text/html"), "transient page: 403: a page came, not an answer of the API"},
		"403, of the API":                {says(403, `{"message":"Forbidden"}`), "rejected: 403 forbidden: Forbidden"},
		"403, throttled":                 {says(403, `{"error":{"status":"RATE_LIMIT_EXCEEDED","message":"slow"}}`), "throttled: 403 RATE_LIMIT_EXCEEDED: slow"},
		"403, told to wait":              {says(403, `{"message":"secondary limit"}`, "Retry-After", "60"), "throttled: 403 forbidden: secondary limit; wait 1m0s"},
		"403, a page, told to wait":      {page(403, "Retry-After", "60"), "throttled page: 403: a page came, not an answer of the API; wait 1m0s"},
		"404, told to wait":              {says(404, "", "Retry-After", "7"), "throttled: 404: is token_url right?; wait 7s"},
		"500, told to wait":              {says(500, "", "Retry-After", "7"), "throttled: 500 internal server error; wait 7s"},
		"502, a page, told to wait":      {page(502, "Retry-After", "7"), "throttled page: 502 bad gateway; wait 7s"},
		"503, a page":                    {page(503), "transient page: 503 service unavailable"},
		"500, a page":                    {page(500), "transient page: 500 internal server error"},
		"500, an error":                  {says(500, `{"error":"Internal Server Error","message":"NPE"}`), "transient: 500 Internal Server Error: NPE"},
		"500, throttled in words":        {says(500, `{"error":"throttled"}`), "throttled: 500 throttled"},
		"422, a list of errors":          {says(422, `{"message":"The given data was invalid.","errors":{"client_id":["canary"]}}`), "transient: 422 unprocessable entity: The given data was invalid."},
		"200, a page":                    {page(200), "malformed page: answer is HTML or XML, not JSON: is token_url right?"},
	}, byClient)
}

func TestRealAnswersOfLogins(t *testing.T) {
	plain, told := Response{Token: "token"}, Response{Token: "token", Error: "errmsg"}
	decided := Response{Token: "token", Rejected: &Predicate{"code", "==", 7}}
	page := func(status int, text string, more ...string) http.HandlerFunc {
		return says(status, text, append([]string{"Content-Type", "text/html"}, more...)...)
	}
	for name, c := range map[string]struct {
		response Response
		rows     map[string]row
	}{
		"nothing told": {plain, map[string]row{
			"400":                         {says(400, `{"message":"wrong password"}`), "rejected: 400 bad request: wrong password"},
			"400, empty":                  {says(400, ""), "rejected: 400 bad request"},
			"400, a page":                 {page(400, htmlPage), "rejected page: 400 bad request"},
			"400, busy":                   {says(400, `{"error":"server_busy"}`), "transient: 400 server_busy"},
			"401":                         {says(401, ""), "rejected: 401 unauthorized"},
			"401, a page":                 {page(401, htmlPage), "rejected page: 401: a page came, not an answer of the API"},
			"401, wrong, and try again":   {says(401, `{"error":"Wrong password. Please try again."}`), "rejected: 401 Wrong password. Please try again."},
			"403":                         {says(403, `{"detail":"locked"}`), "rejected: 403 forbidden: locked"},
			"403, a page":                 {page(403, htmlPage), "transient sparing page: 403: a page came, not an answer of the API"},
			"404":                         {says(404, ""), "transient: 404: is request.url right?"},
			"405":                         {says(405, ""), "transient: 405: is request.url right?"},
			"408":                         {says(408, ""), "transient: 408 request timeout"},
			"409":                         {says(409, `{"message":"already logged in"}`), "rejected: 409 conflict: already logged in"},
			"412":                         {says(412, ""), "rejected: 412 precondition failed"},
			"418":                         {says(418, ""), "transient: 418 i'm a teapot"},
			"422":                         {says(422, `{"message":"The given data was invalid.","errors":{"email":["canary"]}}`), "rejected: 422 unprocessable entity: The given data was invalid."},
			"423":                         {says(423, ""), "rejected: 423 locked"},
			"423, told to wait":           {says(423, "", "Retry-After", "900"), "throttled sparing: 423 locked; wait 15m0s"},
			"429":                         {says(429, ""), "throttled: 429 too many requests"},
			"500":                         {says(500, `{"message":"wrong password"}`), "transient: 500 internal server error: wrong password"},
			"200, the form anew":          {page(200, loginPage), "malformed again page: answer is HTML or XML, not JSON: is request.url right?"},
			"200, another page":           {page(200, htmlPage), "malformed page: answer is HTML or XML, not JSON: is request.url right?"},
			"200, a message":              {body(`{"message":"wrong password"}`), "malformed again: response.token is missing: wrong password"},
			"200, nothing to say":         {body(`{"data":{}}`), "malformed: response.token is missing"},
			"200, success false":          {body(`{"success":false,"message":"wrong password"}`), "rejected: response.token is missing: wrong password"},
			"200, success false, later":   {body(`{"success":false,"message":"The service is temporarily unavailable"}`), "transient: response.token is missing: The service is temporarily unavailable"},
			"200, a code":                 {body(`{"code":1001,"msg":"wrong password"}`), "malformed again: response.token is missing: wrong password"},
			"200, code 200, no token":     {body(`{"code":200,"msg":"ok","data":{}}`), "malformed: response.token is missing: ok"},
			"200, an OAuth error":         {body(`{"error":"invalid_grant"}`), "rejected: response.token is missing: invalid_grant"},
			"302":                         {says(302, "", "Location", "/login?failed=1"), "transient again: 302: redirect to http://ADDRESS/login refused: set request.url to the final address"},
			"503, the page of a load":     {page(503, htmlPage, "Retry-After", "3600"), "throttled page: 503 service unavailable; wait 1h0m0s"},
			"401, a page, asks for a key": {page(401, htmlPage, "WWW-Authenticate", "Negotiate"), "rejected page: 401: a page came, not an answer of the API"},
		}},
		"a member told": {told, map[string]row{
			"wrong":              {body(`{"errcode":40001,"errmsg":"invalid credential"}`), "rejected: response.token is missing: invalid credential"},
			"busy":               {body(`{"errcode":-1,"errmsg":"system is busy"}`), "transient: response.token is missing: system is busy"},
			"quota":              {body(`{"errcode":45009,"errmsg":"reach max api daily quota limit"}`), "throttled: response.token is missing: reach max api daily quota limit"},
			"a number":           {body(`{"errmsg":1001}`), "malformed again: response.token is missing: 1001"},
			"ok, but no token":   {body(`{"errcode":0,"errmsg":"ok"}`), "malformed: response.token is missing: ok"},
			"done, but no token": {body(`{"code":0,"errmsg":"all done"}`), "malformed: response.token is missing: all done"},
			"another language":   {body(`{"code":500,"errmsg":"密码错误"}`), "rejected: response.token is missing: 密码错误"},
			"none":               {body(`{"errmsg":null}`), "malformed: response.token is missing"},
			"an object":          {body(`{"errmsg":{"a":"canary"}}`), "malformed: response.token is missing"},
		}},
		"refusals told": {decided, map[string]row{
			"it holds":             {body(`{"code":7,"message":"locked"}`), "rejected: locked"},
			"it holds, with 500":   {says(500, `{"code":7}`), "rejected: 500 internal server error"},
			"it holds, told wait":  {says(423, `{"code":7}`, "Retry-After", "9"), "rejected: 423 locked"},
			"not in a 400":         {says(400, `{"code":8,"message":"later"}`), "transient: 400 bad request: later"},
			"not in a 401":         {says(401, `{"code":8}`), "transient: 401 unauthorized"},
			"not in a 401 page":    {page(401, htmlPage, "WWW-Authenticate", "Basic"), "transient page: 401: a page came, not an answer of the API"},
			"not in a 422":         {says(422, `{"code":8}`), "transient: 422 unprocessable entity"},
			"not in a success":     {body(`{"code":8,"success":false,"message":"no"}`), "malformed: response.token is missing: no"},
			"not in the form anew": {page(200, loginPage), "malformed page: answer is HTML or XML, not JSON: is request.url right?"},
			"throttled in words":   {body(`{"code":8,"error":"ratelimited"}`), "throttled: response.token is missing: ratelimited"},
		}},
	} {
		t.Run(name, func(t *testing.T) { wantVerdicts(t, c.rows, byLogin(c.response)) })
	}
}

// A form that is answered by a page: what tells a refusal is its status, or nothing.
func TestRealAnswersToForms(t *testing.T) {
	wantVerdicts(t, map[string]row{
		"the form anew, with 200": {says(200, loginPage, "Content-Type", "text/html"), "malformed again page: 200: not a status of response.status"},
		"another page with 200":   {says(200, htmlPage, "Content-Type", "text/html"), "malformed again page: 200: not a status of response.status"},
		"another redirect":        {says(307, "", "Location", "/x"), "transient again: 307: redirect to http://ADDRESS/x refused: set request.url to the final address"},
		"no cookie":               {says(302, "", "Location", "/login"), "malformed again: response.token_cookie is missing"},
		"404":                     {says(404, htmlPage, "Content-Type", "text/html"), "transient page: 404: is request.url right?"},
	}, byLogin(Response{TokenCookie: "sid", Status: []int{302}}))
	const document = "response.token_text finds a document, not a token: name the place of the token by response.token"
	wantVerdicts(t, map[string]row{
		"the form anew for a text": {says(200, loginPage, "Content-Type", "text/html"), "malformed again page: " + document},
		"another page for a text":  {says(200, htmlPage, "Content-Type", "text/html"), "malformed page: " + document},
		"an error for a text":      {body(`{"error":"bad_password"}`), "rejected: " + document + ": bad_password"},
		"busy for a text":          {body(`{"error":"server_busy"}`), "transient: " + document + ": server_busy"},
		"a sentence for a text":    {says(200, "wrong password", "Content-Type", "text/plain"), "malformed again: access token holds a space or another character that is not visible ASCII"},
		"a text that is too large": {says(200, strings.Repeat("x", maxBody+1)), "malformed: response.token_text is longer than 65536 bytes"},
	}, byLogin(Response{TokenText: true}))
	wantVerdicts(t, map[string]row{
		"the form anew, without a cookie": {says(200, loginPage, "Content-Type", "text/html"), "malformed again page: response.token_cookie is missing"},
		"another page without a cookie":   {says(200, htmlPage, "Content-Type", "text/html"), "malformed page: response.token_cookie is missing"},
	}, byLogin(Response{TokenCookie: "sid"}))
}
