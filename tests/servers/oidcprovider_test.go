package servers

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// node names the program that runs oidc-provider, which make servers-node installs.
const node = "TOKEND_NODE"

// oidcProviderServer runs a server as a process of its own, behind a proxy where
// TLS ends.
func oidcProviderServer(t *testing.T) *world {
	t.Helper()
	return start(t, true, oidcProvider(t, 10*time.Minute))
}

// oidcProvider makes the proxy of a server whose tokens of clients live that long.
func oidcProvider(t *testing.T, lifetime time.Duration) func(base string, w *world) http.Handler {
	return func(base string, w *world) http.Handler {
		settings := filepath.Join(w.dir, "settings.json")
		w.write(t, "settings.json", string(must(json.Marshal(map[string]any{
			"issuer": base, "clients": oidcProviderClients(w), "jwks": jwks(jose.JSONWebKey{KeyID: "own", Key: w.keys["authority"]}),
			"lifetime": lifetime.Seconds(),
		}))))
		to := must(url.Parse("http://127.0.0.1:" + runNode(t, settings)))
		return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.SetXForwarded()
			r.Out.Header.Del("X-Client-Certificate")
			r.Out.Header.Del("X-Client-Verified")
			if cert := peer(r.In); cert != nil {
				r.Out.Header.Set("X-Client-Certificate", base64.StdEncoding.EncodeToString(cert.Raw))
				if w.trusts(cert) {
					r.Out.Header.Set("X-Client-Verified", "yes")
				}
			}
			// It was parsed to be recorded.
			r.Out.Body = io.NopCloser(strings.NewReader(r.In.PostForm.Encode()))
			r.Out.ContentLength = int64(len(r.In.PostForm.Encode()))
		}}
	}
}

func peer(r *http.Request) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil
	}
	return r.TLS.PeerCertificates[0]
}

// runNode runs the server until the test ends and returns its port.
func runNode(t *testing.T, settings string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute) // the tests' own bound
	cmd := exec.CommandContext(ctx, os.Getenv(node), "server.mjs", settings)
	var said bytes.Buffer
	cmd.Dir, cmd.Stderr = "oidcprovider", &said
	stdin := must(cmd.StdinPipe())
	stdout := must(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close() // which ends it
		_ = cmd.Wait()
		cancel()
	})
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_ = cmd.Wait() // then it has said all
		t.Fatalf("oidc-provider does not start: %v\n%s", err, &said)
	}
	return strings.TrimSpace(port)
}

func jwks(keys ...jose.JSONWebKey) jose.JSONWebKeySet { return jose.JSONWebKeySet{Keys: keys} }

func oidcProviderClients(w *world) []map[string]any {
	var all []map[string]any
	client := func(id, method string, more map[string]any) {
		made := map[string]any{
			"client_id": id, "token_endpoint_auth_method": method, "id_token_signed_response_alg": "ES256",
			"redirect_uris": []string{}, "response_types": []string{},
			"grant_types": []string{"client_credentials"}, "scope": "read",
		}
		maps.Copy(made, more)
		all = append(all, made)
	}
	client("basic", "client_secret_basic", map[string]any{"client_secret": secret})
	client("post", "client_secret_post", map[string]any{"client_secret": secret})
	client("secret", "client_secret_jwt", map[string]any{"client_secret": secret})
	client("pki", "tls_client_auth", map[string]any{"tls_client_auth_subject_dn": "CN=pki"})
	self := jose.JSONWebKey{KeyID: "ec", Key: w.keys["ec"].Public(), Certificates: []*x509.Certificate{w.certs["ec"]}}
	client("self", "self_signed_tls_client_auth", map[string]any{"jwks": jwks(self)})
	for algorithm, key := range map[string]string{"RS256": "rsa", "PS256": "rsa", "ES256": "ec", "EdDSA": "ed"} {
		public := jose.JSONWebKey{KeyID: key, Key: w.keys[key].Public()}
		client(algorithm, "private_key_jwt", map[string]any{"jwks": jwks(public), "token_endpoint_auth_signing_alg": algorithm})
	}
	login := map[string]any{
		"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"},
		"redirect_uris": []string{"https://client.example/callback"}, "scope": "openid offline_access",
	}
	client("none", "none", login)
	login["client_secret"] = secret
	client("login", "client_secret_basic", login)
	return all
}

// loggedIn returns the refresh token of a client.
func (w *world) loggedIn(t *testing.T, id string) string {
	t.Helper()
	resp := must(w.Client().Get(w.URL + "/login?client=" + id))
	defer func() { _ = resp.Body.Close() }()
	return string(must(io.ReadAll(resp.Body)))
}

func oidcProviderCells() map[string]cell {
	const denied = "401 invalid_client"
	says := refusals{key: denied, audience: denied, expired: "ahead of this one", kid: denied, replay: 401}
	login := func(id string) func(*testing.T, *world) string {
		return func(t *testing.T, w *world) string { return w.loggedIn(t, id) }
	}
	return map[string]cell{
		"basic":                 secretly("basic", "basic", denied, denied),
		"post":                  secretly("post", "post", denied, denied),
		"none":                  refreshing("none", "client_auth: none", "400 invalid_grant", login("none")),
		"client_secret_jwt":     secretSigning("secret", says),
		"private_key_jwt RS256": signing("RS256", "rsa", says),
		"private_key_jwt PS256": signing("PS256", "rsa", says),
		"private_key_jwt ES256": signing("ES256", "ec", says),
		"private_key_jwt EdDSA": signing("EdDSA", "ed", says),
		"tls, by authority":     mutually("pki", "pki", "/token", denied),
		"tls, self-signed":      mutually("self", "ec", "/token", denied),
		"client_credentials": {
			keys:    credentials + "client_id: basic, client_secret: '${file:secret}', scopes: [read]",
			refuses: []try{{"a grant that the client has not", "provider: password, token_url: BASE/token, client_id: basic, client_secret: '${file:secret}', username: probe, password: '${file:secret}'", nil, "400 unsupported_grant_type"}},
		},
		"refresh_token": refreshing("login", "client_secret: '${file:secret}'", "400 invalid_grant", login("login")),
	}
}

func TestOIDCProviderAcceptsAndRefuses(t *testing.T) {
	if os.Getenv(node) == "" {
		t.Skip("needs oidc-provider and Node: make servers-node")
	}
	c := column{"oidc-provider", oidcProviderServer, oidcProviderCells(), map[string]string{
		"basic_raw": "decodes credentials", "password": "no such grant", "jwt_bearer": "no such grant",
	}}
	t.Run(c.name, func(t *testing.T) { c.try(t) })
}
