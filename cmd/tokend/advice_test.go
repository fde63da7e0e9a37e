package main

import (
	"strings"
	"testing"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/messages"
	"tokend/system"
)

const (
	rejected, malformed, transient = messages.ClassRejected, messages.ClassMalformed, messages.ClassTransient
	client, login                  = config.KindClientCredentials, config.KindLogin
)

func withCode(code string) provider.Error {
	return provider.Error{Class: rejected, Status: 400, Code: code}
}

func withReason(reason string) provider.Error {
	return provider.Error{Class: transient, Reason: reason}
}

func withStatus(class string, status int) provider.Error {
	return provider.Error{Class: class, Status: status}
}

// advised are failures and how the advice about each begins.
var advised = map[string]struct {
	provider, auth string
	failure        provider.Error
	want           string // the advice begins so
}{
	"a wrong secret":                 {client, "basic", withCode("invalid_client"), "check client_id and client_secret, and whether the server wants another client_auth (post, or basic_raw"},
	"a wrong secret, raw":            {client, "basic_raw", withCode("invalid_client"), "check client_id and client_secret, and whether the server wants another client_auth (basic or post)"},
	"a wrong secret in the body":     {client, "post", withCode("invalid_client"), "check client_id and client_secret, and whether the server wants another client_auth (basic)"},
	"a wrong key":                    {client, "private_key_jwt", withCode("invalid_client"), "check client_id, the key or secret that signs, assertion_audience, and the clocks"},
	"a wrong secret that signs":      {client, "client_secret_jwt", withCode("invalid_client"), "check client_id, the key or secret that signs"},
	"a wrong certificate":            {client, "tls", withCode("invalid_client"), "check client_id, and that the certificate of tls.cert_file"},
	"no proof":                       {config.KindJWTBearer, "none", withCode("invalid_client"), "check client_id, and whether the server wants the client to prove"},
	"a refresh token that is spent":  {config.KindRefreshToken, "basic", withCode("invalid_grant"), "log in anew and replace refresh_token"},
	"a wrong password":               {config.KindPassword, "basic", withCode("invalid_grant"), "check username and password"},
	"a wrong assertion":              {config.KindJWTBearer, "none", withCode("invalid_grant"), "check assertion.key, assertion.issuer"},
	"a grant of no kind":             {client, "basic", withCode("invalid_grant"), "the server does not take the request: check token_url or issuer"},
	"a grant that is not permitted":  {client, "basic", withCode("unauthorized_client"), "the server does not let this client use the grant of provider client_credentials"},
	"a grant that is not known":      {config.KindPassword, "basic", withCode("unsupported_grant_type"), "the server does not know the grant of provider password"},
	"a wrong scope":                  {client, "basic", withCode("invalid_scope"), "check scopes"},
	"a wrong resource":               {client, "basic", withCode("invalid_target"), "check resource and audience"},
	"wrong details":                  {client, "basic", withCode("invalid_authorization_details"), "check authorization_details"},
	"a request it does not take":     {client, "basic", withCode("invalid_request"), "the server misses a parameter"},
	"trouble it speaks of":           {client, "basic", withCode("server_error"), "the server has trouble of its own: try again later"},
	"an unknown error":               {client, "basic", withCode("teapot"), "the server does not take the request: check token_url or issuer"},
	"nothing sent":                   {client, "basic", withReason(provider.ReasonNotSent), "nothing was sent: correct what the message names"},
	"no such host":                   {client, "basic", withReason(provider.ReasonNoHost), "check the host in token_url or issuer"},
	"no such host of a login":        {login, "", withReason(provider.ReasonNoHost), "check the host in request.url"},
	"a refused connection":           {client, "basic", withReason(provider.ReasonRefused), "nobody listens there: check host and port in token_url"},
	"a slow connection":              {client, "basic", withReason(provider.ReasonConnectTimeout), "check host and port in token_url or issuer, firewalls"},
	"a slow answer":                  {client, "basic", withReason(provider.ReasonTimeout), "the server is slow"},
	"a broken connection":            {client, "basic", withReason(provider.ReasonBroken), "something on the way ends connections"},
	"a proxy":                        {client, "basic", withReason(provider.ReasonProxy), "check HTTPS_PROXY"},
	"a page":                         {client, "basic", provider.Error{Class: malformed, Reason: provider.ReasonPage}, "whatever answers there is no token endpoint: check token_url"},
	"a page of a login":              {login, "", provider.Error{Class: malformed, Reason: provider.ReasonNotJSON}, "whatever answers there is no token endpoint: check request.url"},
	"no lifetime":                    {client, "basic", provider.Error{Class: malformed, Reason: provider.ReasonNoLifetime}, "set default_ttl"},
	"an unknown authority":           {client, "basic", withReason(provider.ReasonAuthority), "set tls.ca_file"},
	"a certificate for another name": {client, "basic", withReason(provider.ReasonName), "use the name that the certificate is for in token_url or issuer, or set tls.server_name"},
	"a certificate without a SAN":    {client, "basic", withReason(provider.ReasonNoName), "the server's certificate has a Common Name and no SAN: have it replaced"},
	"TLS that is too old":            {client, "basic", withReason(provider.ReasonOldTLS), "have the server updated to TLS 1.2 with ECDHE, or later; until then, if it knows RSA key exchange alone, start tokend with GODEBUG=tlsrsakex=1"},
	"another issuer":                 {client, "basic", provider.Error{Class: malformed, Reason: provider.ReasonIssuer}, "set issuer to exactly what the metadata say, a slash at its end included"},
	"no life left":                   {client, "basic", provider.Error{Class: malformed, Reason: provider.ReasonNotPositive}, "the server gave out an expired token"},
	"no life left, of a login":       {login, "", provider.Error{Class: malformed, Reason: provider.ReasonNotPositive}, "the server gave out an expired token: try again, and if that happens each time, have the token's lifetime in the server set to more than 0; or leave out the key under response"},
	"a life that cannot be read":     {client, "basic", provider.Error{Class: malformed, Reason: provider.ReasonUnreadable}, "have the server state the end of its tokens"},
	"no life left, of a file":        {config.KindFile, "", provider.Error{Class: malformed, Reason: provider.ReasonNotPositive}, "the server gave out an expired token"},
	"one of a command":               {config.KindExec, "", provider.Error{Class: malformed, Reason: provider.ReasonUnreadable}, "have the server state the end of its tokens"},
	"a life that is too long":        {client, "basic", provider.Error{Class: malformed, Reason: provider.ReasonTooLong}, "if such a token may be used so long, set max_ttl"},
	"a page of a firewall":           {client, "basic", provider.Error{Class: transient, Status: 403, Reason: provider.ReasonPage}, "something before the server answers in its place, such as a firewall"},
	"400 of a login that is refused": {login, "", withStatus(rejected, 400), "check the credentials that the request sends: user, password, headers; and response.rejected"},
	"423 of a login that is refused": {login, "", withStatus(rejected, 423), "check the credentials that the request sends: user"},
	"400 of a login that may be":     {login, "", withStatus(transient, 400), "check request.url and what is sent; if the server answers so to a wrong password, have response.rejected hold for it"},
	"401 of a login that may be":     {login, "", withStatus(transient, 401), "check request.url and what is sent; if the server answers so to a wrong password"},
	"a certificate that has expired": {client, "basic", withReason(provider.ReasonCertificate), "the server's certificate is not valid"},
	"no client certificate":          {client, "basic", withReason(provider.ReasonClientCertificate), "set tls.cert_file and tls.key_file"},
	"no TLS":                         {client, "basic", withReason(provider.ReasonNotTLS), "check scheme and port in token_url"},
	"401":                            {client, "post", withStatus(rejected, 401), "check client_id and client_secret"},
	"401 of a login":                 {login, "", withStatus(rejected, 401), "check the credentials that the request sends: user"},
	"403":                            {client, "basic", withStatus(rejected, 403), "the server knows who asks and refuses"},
	"404":                            {client, "basic", withStatus(transient, 404), "check the path in token_url or issuer"},
	"405":                            {login, "", withStatus(transient, 405), "check the path in request.url"},
	"407":                            {login, "", withStatus(transient, 407), "a proxy wants credentials"},
	"429":                            {client, "basic", withStatus(messages.ClassThrottled, 429), "the server has been asked too often"},
	"302":                            {client, "basic", withStatus(transient, 302), "set token_url or issuer to the address that the redirect leads to"},
	"302 of a login":                 {login, "", withStatus(transient, 302), "set request.url to the address that the redirect leads to, or response.status"},
	"500":                            {client, "basic", withStatus(transient, 500), "the server has trouble of its own: try again later, and look into its log"},
	"415":                            {client, "basic", withStatus(transient, 415), "the server does not take the request"},
	"a static token that expired":    {config.KindStatic, "", withStatus(rejected, 0), "replace token"},
	"a login that says no":           {login, "", withStatus(rejected, 200), "check the credentials that the request sends, and response.rejected"},
	"a host's kind that says no":     {"acme", "", withStatus(rejected, 0), "check the service's credentials"},
	"a login without a token":        {login, "", withStatus(malformed, 0), "compare the keys under response"},
	"an answer without a token":      {client, "basic", withStatus(malformed, 0), "the answer is no token response"},
	"a wish for patience":            {"acme", "", withStatus(messages.ClassThrottled, 0), "the server asks for patience"},
	"no answer to a refresh token":   {config.KindRefreshToken, "basic", withStatus(messages.ClassAmbiguous, 0), "the refresh token may be spent"},
	"a panic":                        {"acme", "", withStatus(messages.ClassPanic, 0), "this is a mistake in the provider"},
	"a file that holds no token":     {config.KindFile, "", withStatus(malformed, 0), "check path, format and response"},
	"a file that has expired":        {config.KindFile, "", withReason(provider.ReasonNotSent), "check path, and that whoever writes the file"},
	"a command without its secret":   {config.KindExec, "", withReason(provider.ReasonNotSent), "nothing was sent: correct what the message names"},
	"a command that fails":           {config.KindExec, "", withStatus(transient, 0), "run the command by hand"},
	"a command that prints no token": {config.KindExec, "", withStatus(malformed, 0), "run the command by hand"},
	"a command that takes too long":  {config.KindExec, "", provider.Error{Class: transient, TimedOut: true}, "run the command by hand"},
	"a command without a lifetime":   {config.KindExec, "", provider.Error{Class: malformed, Reason: provider.ReasonNoLifetime}, "set default_ttl"},
	"whatever else":                  {"acme", "", withStatus(transient, 0), "look into the server's log"},
}

func TestAdvice(t *testing.T) {
	for name, c := range advised {
		t.Run(name, func(t *testing.T) {
			a := &system.Attempt{Provider: c.provider, ClientAuth: c.auth, Failure: &c.failure}
			if got := advice(a); !strings.HasPrefix(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestASuccessNeedsNoAdviceUnlessSomethingIsLost(t *testing.T) {
	for kind, want := range map[string]string{config.KindRefreshToken: "the server has replaced the refresh token", config.KindLogin: ""} {
		if got := advice(&system.Attempt{Provider: kind, Kept: true}); !strings.HasPrefix(got, want) || (got == "") != (want == "") {
			t.Errorf("%s: %q", kind, got)
		}
	}
	lost := &system.Attempt{Provider: config.KindRefreshToken, Kept: true, Lost: "log in anew"}
	if got := advice(lost); !strings.HasPrefix(got, "the fallback has brought this token") {
		t.Errorf("%q", got)
	}
	if got := advice(&system.Attempt{Provider: config.KindRefreshToken}); got != "" {
		t.Errorf("%q", got)
	}
}
