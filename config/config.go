package config

import (
	"io/fs"
	"time"
)

// Config is a validated configuration: what [Load] and [Parse] return, or a
// literal that [Config.Validate] has accepted. It is not changed after that and
// may be read concurrently. Zero values mean the defaults; see
// [Config.WithDefaults].
//
// The key tags name the keys of the YAML form, the default tags what holds when
// a key is not set, and a content tag marks the path of a file that is read at
// every acquisition, see [Service.Files]. Only [Secret], [Secrets] and [Tree] hold
// references in a literal; in YAML any text may, and those of other fields are
// resolved once.
type Config struct {
	Version  int                `key:"version" default:"1"`                             // format of this configuration; 0 and 1 mean 1
	Listen   []Listener         `key:"listen" default:"unix:///run/tokend/tokend.sock"` // where the node serves
	Hosts    []string           `key:"hosts"`                                           // names that a TCP request's Host header may carry besides loopback and the listen addresses; lower case
	Log      Log                `key:"log"`                                             // how the node logs
	Clients  []Client           `key:"clients"`                                         // who may do what; empty: whoever the listeners let in by themselves
	Audit    Audit              `key:"audit"`                                           // where decisions about access are written
	Startup  Startup            `key:"startup"`                                         // what the node waits for before it serves
	Vault    Vault              `key:"vault"`                                           // how tokens are kept
	Limits   Limits             `key:"limits"`                                          // bounds
	Defaults Settings           `key:"defaults"`                                        // what services start from
	Services map[string]Service `key:"services"`                                        // by name: [a-z0-9][a-z0-9._-]{0,62}
}

// Listener is an address the node serves on.
type Listener struct {
	Address string      `key:"address"`             // unix:///absolute/path or tcp://127.0.0.1:7460; http:// means tcp://
	Name    string      `key:"name"`                // how messages call it; empty: the address
	Mode    fs.FileMode `key:"mode" default:"0600"` // permission bits of a Unix socket; 0: 0600
	Group   string      `key:"group"`               // group of a Unix socket; empty: the process's own

	TrustDirectory bool `key:"trust_directory"` // everyone who can change the directory of a Unix socket is trusted; false: there must be no one but root and the user of the process

	TLS *ListenerTLS `key:"tls"` // how a TCP listener serves TLS; nil: it does not, which only loopback may
}

// Log says how the node logs.
type Log struct {
	Level  string `key:"level" default:"info"`  // error, warn, info or debug; empty: info
	Format string `key:"format" default:"text"` // text or json; empty: text
}

// The ways to start a node.
const (
	StartupServe = "serve" // it serves at once, tokens or not
	StartupWait  = "wait"  // it serves when the eager services that are required have a token
)

// Startup says what the node waits for before it serves.
type Startup struct {
	Mode    string        `key:"mode" default:"serve"`  // one of the Startup constants; empty: serve
	Timeout time.Duration `key:"timeout" default:"30s"` // with wait, the node serves after this at the latest; 0 in a literal: 30s
}

// Vault says how tokens are kept.
type Vault struct {
	Memory string   `key:"memory" default:"sealed"` // sealed or plain; empty: sealed
	Path   string   `key:"path"`                    // file that keeps them over a restart; empty: nothing does. In YAML, a relative path starts at the directory of the configuration file
	Keys   []Secret `key:"keys"`                    // 32 bytes in base64 or hex, required with Path: the first seals, all of them open. See [Vault.Key]

	TrustDirectory bool `key:"trust_directory"` // everyone who can change the directory of Path is trusted; false: there must be no one but root and the user of the process
}

// Limits are bounds that hold for the whole system.
type Limits struct {
	WaitersPerService int `key:"waiters_per_service" default:"10000"` // callers that may wait for one service; 0: 10,000
	InFlightPerHost   int `key:"in_flight_per_host" default:"32"`     // acquisitions under way per token-endpoint host; 0: 32
	Connections       int `key:"connections" default:"4096"`          // open connections per listener; 0: 4096
	RequestsPerSecond int `key:"requests_per_second"`                 // of one client; 0: no bound
	InFlightPerClient int `key:"in_flight_per_client"`                // requests of one client that are under way; 0: three quarters of Connections
	StreamsPerClient  int `key:"streams_per_client"`                  // streams of events among them; 0: three quarters of those that a listener may have
}

// The kinds of provider that come with tokend. A host's own kinds have other
// names.
const (
	KindClientCredentials = "client_credentials"
	KindRefreshToken      = "refresh_token"
	KindPassword          = "password"
	KindJWTBearer         = "jwt_bearer"
	KindLogin             = "login"
	KindStatic            = "static"
	KindFile              = "file"
	KindExec              = "exec"
)

// Service says where one service's token comes from. Which fields a service may
// have depends on its Provider: in YAML, the fields of the built-in kinds stand
// directly in the service.
type Service struct {
	Provider string   `key:"provider"` // one of the Kind constants, or a host's own kind
	Settings          // those of defaults, for this service
	Hosts    []string `key:"hosts"`  // where Transport may send this token: host or host:port, lower case
	Inject   *Inject  `key:"inject"` // how Transport puts this token into a request; nil: Authorization, with the token's type
	Sinks    *[]Sink  `key:"sinks"`  // files that hold this token; nil: none. One makes the service, and those in its template, eager
	TLS      *TLS     `key:"tls"`    // how the IdP is reached; nil: the system's roots, no client certificate
	// AllowHTTP permits an http:// endpoint that is not on loopback: the secret
	// then crosses the network in the clear.
	AllowHTTP bool `key:"allow_http" default:"false"`
	// NewestWins says that the server ends a token when it gives out the next one: a
	// check of the configuration must not ask for one beside a running node.
	NewestWins bool `key:"newest_wins" default:"false"`

	ClientCredentials *ClientCredentials `kind:"client_credentials"` // set if and only if Provider is KindClientCredentials
	RefreshToken      *RefreshToken      `kind:"refresh_token"`      // set if and only if Provider is KindRefreshToken
	Password          *Password          `kind:"password"`           // set if and only if Provider is KindPassword
	JWTBearer         *JWTBearer         `kind:"jwt_bearer"`         // set if and only if Provider is KindJWTBearer
	Login             *Login             `kind:"login"`              // set if and only if Provider is KindLogin
	Static            *Static            `kind:"static"`             // set if and only if Provider is KindStatic
	File              *File              `kind:"file"`               // set if and only if Provider is KindFile
	Exec              *Exec              `kind:"exec"`               // set if and only if Provider is KindExec
	Options           Tree               `key:"options" kind:"*"`    // keys of a host's own kind: a map
}

// TLS says how an IdP is reached over TLS. In YAML, relative paths start at the
// directory of the configuration file.
type TLS struct {
	CAFile     string `key:"ca_file" content:"file"`   // PEM bundle that replaces the system's roots
	CertFile   string `key:"cert_file" content:"file"` // PEM client certificate, with KeyFile
	KeyFile    string `key:"key_file" content:"file"`  // PEM private key, with CertFile
	ServerName string `key:"server_name"`              // name to verify instead of the URL's host
}

// The ways in which a client proves at a token endpoint who it is.
const (
	AuthBasic     = "basic"             // Authorization header, form-encoded as RFC 6749 says
	AuthBasicRaw  = "basic_raw"         // Authorization header, as many servers read it
	AuthPost      = "post"              // in the request's body
	AuthNone      = "none"              // client_id alone
	AuthSecretJWT = "client_secret_jwt" // assertion signed with the secret (RFC 7523)
	AuthKeyJWT    = "private_key_jwt"   // assertion signed with a key (RFC 7523)
	AuthTLS       = "tls"               // certificate of the connection (RFC 8705)
)

// Whom an assertion may be for, besides a literal.
const (
	AudienceIssuer   = "issuer"
	AudienceTokenURL = "token_url"
)

// OAuth is what the grants of OAuth 2 have in common.
type OAuth struct {
	TokenURL           string   `key:"token_url"`                              // token endpoint; empty: what the metadata of Issuer say
	Issuer             string   `key:"issuer"`                                 // identifier of the authorization server; required without TokenURL
	ClientID           string   `key:"client_id"`                              // required
	ClientSecret       Secret   `key:"client_secret"`                          // required by AuthBasic, AuthBasicRaw, AuthPost and AuthSecretJWT
	ClientAuth         string   `key:"client_auth" default:"basic"`            // one of the Auth constants; empty: AuthBasic
	ClientKey          Secret   `key:"client_key"`                             // private key of AuthKeyJWT: PEM or JWK
	ClientKeyID        string   `key:"client_key_id"`                          // kid of assertions; empty: that of the JWK
	ClientCertificate  Secret   `key:"client_certificate"`                     // certificate of ClientKey, PEM; assertions carry its thumbprint
	AssertionAlgorithm string   `key:"assertion_algorithm"`                    // empty: what suits the key; HS256 with a secret
	AssertionAudience  string   `key:"assertion_audience" default:"token_url"` // an Audience constant or a literal; empty: AudienceTokenURL
	TokenType          string   `key:"token_type"`                             // how the tokens are sent; empty: as the server says, or Bearer
	Scopes             []string `key:"scopes"`                                 // sent as scope, if any
	Audience           string   `key:"audience"`                               // sent as audience, if not empty
	Resource           []string `key:"resource"`                               // sent as resource, repeated (RFC 8707)
	Details            Tree     `key:"authorization_details"`                  // sent as authorization_details (RFC 9396): a list of maps, each with a type
	Params             Secrets  `key:"params"`                                 // sent as they are
}

// ClientCredentials is the grant of RFC 6749, section 4.4.
type ClientCredentials OAuth

// RefreshToken is the grant of RFC 6749, section 6.
type RefreshToken struct {
	OAuth
	RefreshToken Secret         `key:"refresh_token"`            // that of the login; required
	KeepAlive    *time.Duration `key:"keep_alive" default:"24h"` // an acquisition comes at least that often, lest the refresh token die of disuse; nil: 24 h, 0: not for that reason
	Fallback     *Fallback      `key:"fallback"`                 // asked when the login is lost; nil: nobody is
}

// DefaultKeepAlive is the keep-alive of a [RefreshToken] that sets none.
const DefaultKeepAlive = 24 * time.Hour

// Fallback is a grant that can start anew. It has the keys of its kind; how its
// endpoint is reached is for the service's TLS and AllowHTTP to say.
type Fallback struct {
	Provider string `key:"provider"` // one of the four kinds below; required

	ClientCredentials *ClientCredentials `kind:"client_credentials"`
	Password          *Password          `kind:"password"`
	JWTBearer         *JWTBearer         `kind:"jwt_bearer"`
	Login             *Login             `kind:"login"`
}

// Service returns f as the service that it would be by itself, beside s.
func (f *Fallback) Service(s *Service) *Service {
	return &Service{
		Provider: f.Provider, TLS: s.TLS, AllowHTTP: s.AllowHTTP,
		ClientCredentials: f.ClientCredentials, Password: f.Password, JWTBearer: f.JWTBearer, Login: f.Login,
	}
}

// Password is the grant of RFC 6749, section 4.3.
type Password struct {
	OAuth
	Username string `key:"username"` // required
	Password Secret `key:"password"` // required
}

// JWTBearer is the grant of RFC 7523, section 2.1. Its client need not prove who it
// is, nor have a name.
type JWTBearer struct {
	OAuth
	Assertion Assertion `key:"assertion"`
}

// Assertion says what a [JWTBearer] asserts.
type Assertion struct {
	Key       Secret `key:"key"`                          // PEM, JWK, or Google's file of a service account; required
	KeyID     string `key:"key_id"`                       // kid; empty: that of JWK or file
	Algorithm string `key:"algorithm"`                    // empty: what suits the key
	Issuer    string `key:"issuer"`                       // iss; empty: that of the file, else the client_id
	Subject   string `key:"subject"`                      // sub; empty: the issuer, but none with a file
	Audience  string `key:"audience" default:"token_url"` // an Audience constant or a literal; empty: AudienceTokenURL
}

// Login is any HTTP endpoint that answers with a token.
type Login struct {
	Steps    []Step   `key:"steps"` // sent before Request, in this order
	Request  Request  `key:"request"`
	Response Response `key:"response"`
	// TokenType is how the tokens are sent; empty: as the server says, or Bearer.
	TokenType string `key:"token_type"`
}

// Request is what [Login] sends. It counts as secret as a whole and prints
// redacted. At most one of JSON, Form and Body is set.
type Request struct {
	redacted
	Method  string  `key:"method" default:"POST"` // empty: POST
	URL     Secret  `key:"url"`                   // required
	Query   Secrets `key:"query"`                 // added to the URL's own query
	Headers Secrets `key:"headers"`
	JSON    Tree    `key:"json"` // body, as JSON
	Form    Secrets `key:"form"` // body, form-encoded
	Body    Secret  `key:"body"` // body, as it is
	// Template makes the texts of all of that, but for Method and names, templates:
	// what stands between {{ and }} in them is computed for each request.
	Template bool `key:"template" default:"false"`
}

// Response says where [Login] finds what in the answer. Paths are gjson's;
// predicates are what [ParsePredicate] takes. Exactly one of Token, TokenHeader,
// TokenCookie and TokenText is set.
type Response struct {
	Token        string `key:"token"`         // path
	TokenType    string `key:"token_type"`    // path of what the server calls the type
	ExpiresIn    string `key:"expires_in"`    // path of a lifetime in seconds
	ExpiresInMS  string `key:"expires_in_ms"` // path of a lifetime in milliseconds
	ExpiresAt    string `key:"expires_at"`    // path of an absolute time: RFC 3339, or epoch in seconds or milliseconds
	RefreshToken string `key:"refresh_token"` // path
	Scope        string `key:"scope"`         // path of a space-separated list or of an array
	Error        string `key:"error"`         // path of the error text
	Status       []int  `key:"status"`        // those of a success: 2xx, 301, 302 or 303; empty: every 2xx. A redirect is not followed
	Success      string `key:"success"`       // predicate; without it any answer with such a status is a success
	Rejected     string `key:"rejected"`      // predicate that tells refused credentials from other failures

	TokenHeader     string `key:"token_header"`               // header that holds the token
	TokenCookie     string `key:"token_cookie"`               // cookie that holds the token; it lives no longer than the cookie
	TokenText       bool   `key:"token_text" default:"false"` // the body is the token
	ExpiresInHeader string `key:"expires_in_header"`          // header that holds a lifetime in seconds
	ExpiresAtHeader string `key:"expires_at_header"`          // header that holds an absolute time, as ExpiresAt or as HTTP writes it
}

// Static is a token that is configured, not acquired.
type Static struct {
	Token     Secret    `key:"token"`      // required
	TokenType string    `key:"token_type"` // how the token is sent; empty: Bearer
	Scopes    []string  `key:"scopes"`
	ExpiresAt time.Time `key:"expires_at"` // zero: no expiry
}
