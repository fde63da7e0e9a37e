package demo

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"
)

// Lifetimes are chosen for their rhythm: tokend renews halfway, warns when a
// fifth is left, and makes a last try a little later. reports fails until just
// after its warning, crm until its token has died.
const (
	billingLife = 20 * time.Second
	erpLife     = 30 * time.Second
	reportsLife = 20 * time.Second
	crmLife     = 25 * time.Second

	reportsTrouble = 16300 * time.Millisecond
	crmTrouble     = 24800 * time.Millisecond
)

// IdP is the identity provider of the demo services.
type IdP struct {
	base     string
	password string
	handler  http.Handler
}

// New returns an IdP that will be reached at base, such as http://127.0.0.1:80.
// now is its clock; nil: [time.Now].
func New(base string, now func() time.Time) (*IdP, error) {
	if now == nil {
		now = time.Now
	}
	idp := &IdP{base: base, password: rand.Text()}
	oauth, err := newOAuth(base, "demo", idp.password, billingLife)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", oauth)
	mux.Handle("POST /erp/login", idp.login(now, erpLife, 0))
	mux.Handle("POST /reports/login", idp.login(now, reportsLife, reportsTrouble))
	mux.Handle("POST /crm/login", idp.login(now, crmLife, crmTrouble))
	idp.handler = mux
	return idp, nil
}

func (i *IdP) login(now func() time.Time, life, trouble time.Duration) http.Handler {
	return &login{now: now, password: i.password, life: life, trouble: trouble}
}

// ServeHTTP answers token requests and logins.
func (i *IdP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.handler.ServeHTTP(w, r)
}

const template = `
version: 1
defaults: {eager: true}
services:
  billing:
    provider: client_credentials
    token_url: BASE/token
    client_id: demo
    client_secret: "PASSWORD"
    scopes: [read]
`

const loginTemplate = `  NAME:
    provider: login
    request: {url: "BASE/NAME/login", json: {user: demo, password: "PASSWORD"}}
    response: {token: data.token, expires_in: data.expire, success: "code == 0", error: msg}
`

// Config returns the configuration, secrets included, of a node with the demo
// services.
func (i *IdP) Config() []byte { return i.config("erp", "reports", "crm") }

// Steady returns the configuration, secrets included, of a node with those of the
// demo services that never fail: the others have their troubles with any second
// node, for a token is refused while another is young.
func (i *IdP) Steady() []byte { return i.config("erp") }

// config returns a configuration with billing and some logins.
func (i *IdP) config(logins ...string) []byte {
	var text strings.Builder
	text.WriteString(template)
	for _, name := range logins {
		text.WriteString(strings.ReplaceAll(loginTemplate, "NAME", name))
	}
	return []byte(strings.NewReplacer("BASE", i.base, "PASSWORD", i.password).Replace(text.String()))
}

// Services returns the names of the demo services.
func (*IdP) Services() []string { return []string{"billing", "erp", "reports", "crm"} }
