package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"

	"tokend/messages"
)

// uncomparable is an error that == panics for.
type uncomparable []string

func (uncomparable) Error() string { return "canary" }

func dialError(err error) error {
	return &url.Error{Op: "Post", URL: "https://idp.example/token?key=canary", Err: &net.OpError{Op: "dial", Net: "tcp", Err: err}}
}

// classified are errors that an acquisition can end with, and what becomes of
// them.
var classified = map[string]struct {
	err  error
	want *Error
}{
	"an error of a provider keeps its class": {
		&Error{Class: messages.ClassAmbiguous, Text: "refresh token sent, no answer"},
		&Error{Class: messages.ClassAmbiguous, Text: "refresh token sent, no answer"},
	},
	"an error that wraps one is that one": {
		fmt.Errorf("canary: %w", &Error{Class: messages.ClassRejected, Text: "no such user"}),
		&Error{Class: messages.ClassRejected, Text: "no such user"},
	},
	"an unknown class is transient": {
		&Error{Class: "wrong", Text: "down"},
		&Error{Class: messages.ClassTransient, Text: "down"},
	},
	"a provider's error is bounded and printable": {
		&Error{Class: messages.ClassThrottled, Text: "a\n\x1b[31mb" + strings.Repeat("c", 1000), RetryAfter: 9000 * time.Hour},
		&Error{Class: messages.ClassThrottled, Text: "a [31mb" + strings.Repeat("c", maxText-7), RetryAfter: maxRetryAfter},
	},
	"a provider's error without text says so": {
		&Error{RetryAfter: -time.Second},
		&Error{Class: messages.ClassTransient, Text: "provider gave no reason"},
	},
	"a nil *Error is transient": {
		(*Error)(nil),
		&Error{Class: messages.ClassTransient, Text: "provider returned an error that is a nil *provider.Error"},
	},
	"an error of unknown type does not show its text": {
		errors.New("canary"),
		&Error{Class: messages.ClassTransient, Text: "provider returned a *errors.errorString: return a *provider.Error to show its text"},
	},
	"an error that cannot be compared": {
		uncomparable{"canary"},
		&Error{Class: messages.ClassTransient, Text: "provider returned a provider.uncomparable: return a *provider.Error to show its text"},
	},
	"a file that is missing is no connection that failed": {
		&fs.PathError{Op: "open", Path: "/canary", Err: syscall.ENOENT},
		&Error{Class: messages.ClassTransient, Text: "provider returned a *fs.PathError: return a *provider.Error to show its text"},
	},
	"a context's deadline": {
		fmt.Errorf("canary: %w", context.DeadlineExceeded),
		&Error{Class: messages.ClassTransient, Reason: ReasonTimeout, Text: "timeout", TimedOut: true},
	},
	"a cancelled context": {
		&url.Error{Op: "Get", URL: "https://idp.example/?canary", Err: context.Canceled},
		&Error{Class: messages.ClassTransient, Text: "acquisition was called off"},
	},
	"a refused connection": {
		dialError(os.NewSyscallError("connect", syscall.ECONNREFUSED)),
		&Error{Class: messages.ClassTransient, Reason: ReasonRefused, Text: "connection refused by idp.example:443"},
	},
	"a timed out dial": {
		dialError(os.ErrDeadlineExceeded),
		&Error{Class: messages.ClassTransient, Reason: ReasonConnectTimeout, Text: "timeout connecting to idp.example:443", TimedOut: true},
	},
	"an unreachable network": {
		dialError(syscall.ENETUNREACH),
		&Error{Class: messages.ClassTransient, Text: "no connection to idp.example:443: network is unreachable"},
	},
	"an unknown name": {
		dialError(&net.DNSError{Err: "canary", Name: "idp.example", IsNotFound: true}),
		&Error{Class: messages.ClassTransient, Reason: ReasonNoHost, Text: "no such host: idp.example"},
	},
	"a name server that fails": {
		dialError(&net.DNSError{Err: "canary", Name: "idp.example", IsTemporary: true}),
		&Error{Class: messages.ClassTransient, Reason: ReasonNoHost, Text: "name cannot be resolved: idp.example"},
	},
	"a name server that is slow": {
		dialError(&net.DNSError{Err: "canary", Name: "idp.example", IsTimeout: true}),
		&Error{Class: messages.ClassTransient, Reason: ReasonConnectTimeout, Text: "timeout connecting to idp.example:443", TimedOut: true},
	},
	"a proxy that is down": {
		&url.Error{Op: "Post", URL: "https://idp.example/", Err: &net.OpError{Op: "proxyconnect", Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}},
		&Error{Class: messages.ClassTransient, Reason: ReasonProxy, Text: "connection refused by the proxy"},
	},
	"a connection closed early": {
		&url.Error{Op: "Post", URL: "http://IDP.example/", Err: io.EOF},
		&Error{Class: messages.ClassTransient, Reason: ReasonBroken, Text: "connection closed by idp.example:80 before the answer was complete"},
	},
	"an expired certificate": {
		&url.Error{Op: "Post", URL: "https://idp.example/", Err: x509.CertificateInvalidError{Reason: x509.Expired}},
		&Error{Class: messages.ClassTransient, Reason: ReasonCertificate, Text: "certificate of idp.example:443 has expired or is not valid yet"},
	},
	"a certificate that is wrong otherwise": {
		&url.Error{Op: "Post", URL: "https://idp.example/", Err: x509.CertificateInvalidError{Reason: x509.IncompatibleUsage}},
		&Error{Class: messages.ClassTransient, Reason: ReasonCertificate, Text: "certificate of idp.example:443 is not valid"},
	},
	"a verification that fails otherwise": {
		&url.Error{Op: "Post", URL: "https://idp.example/", Err: &tls.CertificateVerificationError{Err: errors.New("canary")}},
		&Error{Class: messages.ClassTransient, Reason: ReasonCertificate, Text: "certificate of idp.example:443 cannot be verified"},
	},
	"a certificate of nobody known": {
		dialError(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}),
		&Error{Class: messages.ClassTransient, Reason: ReasonAuthority, Text: "certificate signed by unknown authority: set tls.ca_file"},
	},
	"a certificate for another name": {
		dialError(x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"other.example"}}, Host: "idp.example"}),
		&Error{Class: messages.ClassTransient, Reason: ReasonName, Text: "certificate is for another name than idp.example:443: set tls.server_name"},
	},
	"a certificate for an address": {
		dialError(x509.HostnameError{Certificate: &x509.Certificate{IPAddresses: []net.IP{{127, 0, 0, 1}}}, Host: "idp.example"}),
		&Error{Class: messages.ClassTransient, Reason: ReasonName, Text: "certificate is for another name than idp.example:443: set tls.server_name"},
	},
	"a certificate for no name": {
		dialError(x509.HostnameError{Certificate: &x509.Certificate{EmailAddresses: []string{"canary"}}, Host: "idp.example"}),
		&Error{Class: messages.ClassTransient, Reason: ReasonNoName, Text: "certificate of idp.example:443 has no SAN (subject alternative name), and its Common Name counts no more: have it replaced by one that names the host there"},
	},
	"a server without a common cipher": {
		&url.Error{Op: "Post", URL: "https://idp.example/", Err: &net.OpError{Op: "remote error", Err: errors.New("tls: handshake failure")}},
		&Error{Class: messages.ClassTransient, Reason: ReasonOldTLS, Text: "idp.example:443 ended the TLS handshake: tls: handshake failure: " + oldTLS},
	},
	"a server that knows old versions": {
		&url.Error{Op: "Post", URL: "https://idp.example/", Err: errors.New("tls: server selected unsupported protocol version 302")},
		&Error{Class: messages.ClassTransient, Reason: ReasonOldTLS, Text: "idp.example:443 speaks TLS 1.1 or older: " + oldVersion},
	},
	"a server that says something else": {
		&url.Error{Op: "Post", URL: "https://idp.example/", Err: &net.OpError{Op: "remote error", Err: errors.New("tls: internal error")}},
		&Error{Class: messages.ClassTransient, Text: "idp.example:443 ended the TLS handshake: tls: internal error"},
	},
	"a server without TLS": {
		dialError(tls.RecordHeaderError{}),
		&Error{Class: messages.ClassTransient, Reason: ReasonNotTLS, Text: "idp.example:443 does not speak TLS: is it http://?"},
	},
	"a server that wants a certificate": {
		&url.Error{Op: "Post", URL: "https://idp.example/", Err: &net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}},
		&Error{Class: messages.ClassTransient, Reason: ReasonClientCertificate, Text: "idp.example:443 ended the TLS handshake: tls: certificate required: set tls.cert_file and tls.key_file"},
	},
	"a reset connection": {
		dialError(syscall.ECONNRESET),
		&Error{Class: messages.ClassTransient, Reason: ReasonBroken, Text: "connection reset by idp.example:443"},
	},
	"a proxy that refuses": {
		dialError(&proxyRefusal{407}),
		&Error{Class: messages.ClassTransient, Reason: ReasonProxy, Text: "proxy answered 407 when asked for idp.example:443"},
	},
	"a request that was not sent": {
		unreadyf("client_secret: is empty"),
		&Error{Class: messages.ClassTransient, Reason: ReasonNotSent, Text: "client_secret: is empty"},
	},
	"an answer that is no JSON": {
		&unusable{text: "answer is not JSON", reason: ReasonNotJSON},
		&Error{Class: messages.ClassMalformed, Reason: ReasonNotJSON, Text: "answer is not JSON"},
	},
	"something else that net/http says": {
		&url.Error{Op: "Post", URL: "https://idp.example/?canary", Err: errors.New("canary")},
		&Error{Class: messages.ClassTransient, Text: "no valid HTTP answer from idp.example:443"},
	},
	"an oauth2 error shows status and code": {
		&oauth2.RetrieveError{Response: &http.Response{StatusCode: 400}, ErrorCode: "invalid_grant", ErrorDescription: "canary", Body: []byte("canary")},
		&Error{Class: messages.ClassRejected, Text: "400 invalid_grant", Code: "invalid_grant", Status: 400},
	},
	"an oauth2 error that asks for patience": {
		&oauth2.RetrieveError{Response: &http.Response{StatusCode: 429, Header: http.Header{"Retry-After": {"7"}}}},
		&Error{Class: messages.ClassThrottled, Text: "429 too many requests", Status: 429, RetryAfter: 7 * time.Second},
	},
}

func TestClassifyGivesEveryErrorAClass(t *testing.T) {
	for name, c := range classified {
		t.Run(name, func(t *testing.T) {
			got := Classify(c.err)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(fmt.Sprintf("%v %+v %#v", got, got, got), "canary") {
				t.Errorf("shows what nobody knows: %#v", got)
			}
		})
	}
}

func TestClassifyOfNilIsNil(t *testing.T) {
	if got := Classify(nil); got != nil {
		t.Errorf("got %v", got)
	}
}

func TestAnErrorWrapsNothing(t *testing.T) {
	err := error(Classify(context.DeadlineExceeded))
	if errors.Is(err, context.DeadlineExceeded) || errors.Unwrap(err) != nil {
		t.Error("a provider's timeout looks like the caller's own")
	}
}

func TestAnswersOfEveryStatusGetTheirClass(t *testing.T) {
	cases := map[string]struct {
		status  int
		body    string
		headers []string
		want    Error
	}{
		"401":                            {status: 401, want: Error{Class: messages.ClassRejected, Text: "401 unauthorized"}},
		"401 with an OAuth error":        {status: 401, body: `{"error":"invalid_client","error_description":"no such client"}`, want: Error{Class: messages.ClassRejected, Text: "401 invalid_client: no such client", Code: "invalid_client", Description: "no such client"}},
		"401 that says later":            {status: 401, body: `{"error":"temporarily_unavailable"}`, want: Error{Class: messages.ClassTransient, Text: "401 temporarily_unavailable", Code: "temporarily_unavailable"}},
		"401 with Retry-After":           {status: 401, headers: []string{"Retry-After", "5"}, want: Error{Class: messages.ClassThrottled, Text: "401 unauthorized", RetryAfter: 5 * time.Second}},
		"403 with a page":                {status: 403, body: `<html>open sesame</html>`, want: Error{Class: messages.ClassTransient, Reason: ReasonPage, Page: true, Text: "403: a page came, not an answer of the API"}},
		"400 with an OAuth error":        {status: 400, body: `{"error":"invalid_scope"}`, want: Error{Class: messages.ClassRejected, Text: "400 invalid_scope", Code: "invalid_scope"}},
		"400 as a form":                  {status: 400, body: `error=invalid_grant&error_description=too+old`, headers: []string{"Content-Type", "application/x-www-form-urlencoded"}, want: Error{Class: messages.ClassRejected, Text: "400 invalid_grant: too old", Code: "invalid_grant", Description: "too old"}},
		"400 temporarily_unavailable":    {status: 400, body: `{"error":"temporarily_unavailable"}`, want: Error{Class: messages.ClassTransient, Text: "400 temporarily_unavailable", Code: "temporarily_unavailable"}},
		"400 server_error":               {status: 400, body: `{"error":"server_error"}`, want: Error{Class: messages.ClassTransient, Text: "400 server_error", Code: "server_error"}},
		"400 slow_down with Retry-After": {status: 400, body: `{"error":"slow_down"}`, headers: []string{"Retry-After", "5"}, want: Error{Class: messages.ClassThrottled, Text: "400 slow_down", Code: "slow_down", RetryAfter: 5 * time.Second}},
		"400 authorization_pending":      {status: 400, body: `{"error":"authorization_pending"}`, want: Error{Class: messages.ClassTransient, Text: "400 authorization_pending", Code: "authorization_pending"}},
		"400 of something else":          {status: 400, body: `{"status":400,"error":"Bad Request"}`, want: Error{Class: messages.ClassRejected, Text: "400 Bad Request", Code: "Bad Request"}},
		"400 with a long error":          {status: 400, body: `{"error":"` + strings.Repeat("a", 65) + `"}`, want: Error{Class: messages.ClassRejected, Text: "400 " + strings.Repeat("a", 64), Code: strings.Repeat("a", 64)}},
		"400 with a dirty error":         {status: 400, body: `{"error":"in\u0007valid\n client"}`, want: Error{Class: messages.ClassRejected, Text: "400 in valid client", Code: "in valid client"}},
		"400 with an error of no text":   {status: 400, body: `{"error":{"code":"invalid_client"}}`, want: Error{Class: messages.ClassRejected, Text: "400 invalid_client", Code: "invalid_client"}},
		"400 with an empty error":        {status: 400, body: `{"error":" "}`, want: Error{Class: messages.ClassTransient, Text: "400 bad request"}},
		"400 without a body":             {status: 400, want: Error{Class: messages.ClassTransient, Text: "400 bad request"}},
		"404":                            {status: 404, body: "nothing here", want: Error{Class: messages.ClassTransient, Text: "404: is token_url right?"}},
		"405":                            {status: 405, want: Error{Class: messages.ClassTransient, Text: "405: is token_url right?"}},
		"422 with an OAuth error":        {status: 422, body: `{"error":"invalid_client"}`, want: Error{Class: messages.ClassTransient, Text: "422 invalid_client", Code: "invalid_client"}},
		"429":                            {status: 429, want: Error{Class: messages.ClassThrottled, Text: "429 too many requests"}},
		"429 with seconds":               {status: 429, headers: []string{"Retry-After", "120"}, want: Error{Class: messages.ClassThrottled, Text: "429 too many requests", RetryAfter: 2 * time.Minute}},
		"503":                            {status: 503, want: Error{Class: messages.ClassTransient, Text: "503 service unavailable"}},
		"503 with seconds":               {status: 503, headers: []string{"Retry-After", "30"}, want: Error{Class: messages.ClassThrottled, Text: "503 service unavailable", RetryAfter: 30 * time.Second}},
		"503 with a date":                {status: 503, headers: []string{"Date", "Tue, 01 Jan 2019 00:00:00 GMT", "Retry-After", "Tue, 01 Jan 2019 00:01:00 GMT"}, want: Error{Class: messages.ClassThrottled, Text: "503 service unavailable", RetryAfter: time.Minute}},
		"503 with a fraction":            {status: 503, headers: []string{"Retry-After", "1.5"}, want: Error{Class: messages.ClassThrottled, Text: "503 service unavailable", RetryAfter: 2 * time.Second}},
		"503 with nonsense":              {status: 503, headers: []string{"Retry-After", "soon"}, want: Error{Class: messages.ClassThrottled, Text: "503 service unavailable"}},
		"500 with an OAuth error":        {status: 500, body: `{"error":"invalid_client"}`, want: Error{Class: messages.ClassTransient, Text: "500 invalid_client", Code: "invalid_client"}},
		"599":                            {status: 599, want: Error{Class: messages.ClassTransient, Text: "599"}},
		"302":                            {status: 302, headers: []string{"Location", "https://user:pw@other.example/token?key=canary#x"}, want: Error{Class: messages.ClassTransient, Text: "302: redirect to https://other.example/token refused: set token_url to the final address"}},
		"307 without a Location":         {status: 307, want: Error{Class: messages.ClassTransient, Text: "307 temporary redirect"}},
		"200 with an OAuth error":        {status: 200, body: `{"error":"incorrect_client_credentials","error_description":"no"}`, want: Error{Class: messages.ClassRejected, Text: "200 incorrect_client_credentials: no", Code: "incorrect_client_credentials", Description: "no"}},
		"200 with a passing error":       {status: 200, body: `{"error":"temporarily_unavailable"}`, want: Error{Class: messages.ClassTransient, Text: "200 temporarily_unavailable", Code: "temporarily_unavailable"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			server := serve(t, says(c.status, c.body, c.headers...))
			got := failure(t, mustClient(t, client(t, server.URL)))
			c.want.Status = c.status
			if diff := cmp.Diff(&c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
