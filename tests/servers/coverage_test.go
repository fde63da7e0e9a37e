package servers

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"tokend/system"
)

// rows are the ways in which clients prove who they are, and the grants.
var rows = []string{
	"basic", "basic_raw", "post", "none", "client_secret_jwt",
	"private_key_jwt RS256", "private_key_jwt PS256", "private_key_jwt ES256", "private_key_jwt EdDSA",
	"tls, by authority", "tls, self-signed",
	"client_credentials", "refresh_token", "password", "jwt_bearer",
}

// try is a service that is refused, and how.
type try struct {
	how, keys string
	options   []system.Option
	want      string // what the refusal says
}

// cell is a row at one server.
type cell struct {
	keys    string // of a service that gets a token
	refuses []try
	before  func(t *testing.T, w *world) // may be nil
	// more goes on after the token and says what else was refused. May be nil.
	more func(t *testing.T, w *world, sys *system.System) string
}

// column is a server, and what it supports.
type column struct {
	name  string
	start func(t *testing.T) *world
	cells map[string]cell
	lacks map[string]string // why it supports no more
}

// columns are the servers that run in this process.
func columns() []column {
	return []column{
		{"go-oidc", func(t *testing.T) *world { return goOIDC(t, true) }, goOIDCCells(), map[string]string{
			"basic":         "reads credentials raw",
			"none":          "only with a login in a browser",
			"refresh_token": "only with a login in a browser",
			"password":      "no such grant",
			"jwt_bearer":    "leaves the assertion to the embedder",
		}},
		{"fosite", fositeServer, fositeCells(), map[string]string{
			"basic_raw":             "decodes credentials",
			"client_secret_jwt":     "no such method",
			"private_key_jwt EdDSA": "no such algorithm",
			"tls, by authority":     "no such method",
			"tls, self-signed":      "no such method",
		}},
		{"zitadel/oidc", zitadelServer, zitadelCells(), map[string]string{
			"basic_raw": "decodes credentials", "none": "only with a login in a browser", "client_secret_jwt": "no such method",
			"private_key_jwt RS256": "not for this grant", "private_key_jwt PS256": "not for this grant",
			"private_key_jwt ES256": "not for this grant", "private_key_jwt EdDSA": "not for this grant",
			"tls, by authority": "no such method", "tls, self-signed": "no such method",
			"refresh_token": "only with a login in a browser", "password": "no such grant",
		}},
		{"go-oauth2", goOAuth2Server, goOAuth2Cells(), map[string]string{
			"basic": "reads credentials raw", "client_secret_jwt": "no such method",
			"private_key_jwt RS256": "no such method", "private_key_jwt PS256": "no such method",
			"private_key_jwt ES256": "no such method", "private_key_jwt EdDSA": "no such method",
			"tls, by authority": "no such method", "tls, self-signed": "no such method",
			"jwt_bearer": "no such grant",
		}},
	}
}

// elsewhere are the rows that fewer than two servers in this process support; the
// second is oidc-provider.
var elsewhere = []string{"client_secret_jwt", "private_key_jwt EdDSA", "tls, by authority", "tls, self-signed"}

func TestEveryRowIsSupportedTwice(t *testing.T) {
	for _, row := range rows {
		by := 0
		for _, c := range columns() {
			_, does := c.cells[row]
			if why := c.lacks[row]; does == (why != "") {
				t.Errorf("%s at %s: supported: %v, but not because %q", row, c.name, does, why)
			}
			if does {
				by++
			}
		}
		if _, does := oidcProviderCells()[row]; does && slices.Contains(elsewhere, row) {
			by++
		}
		if by < 2 {
			t.Errorf("%s: %d servers", row, by)
		}
	}
}

func TestServersAcceptAndRefuse(t *testing.T) {
	for _, c := range columns() {
		t.Run(c.name, func(t *testing.T) { c.try(t) })
	}
}

// try goes through all rows at a server and prints what came of it.
func (c *column) try(t *testing.T) {
	w := c.start(t)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	defer func() { _ = table.Flush() }()
	_, _ = fmt.Fprintf(table, "\n%s\taccepted\trefused\n", c.name)
	for _, row := range rows {
		cell, ok := c.cells[row]
		if !ok {
			_, _ = fmt.Fprintf(table, "%s\tnot supported\t%s\n", row, c.lacks[row])
			continue
		}
		var refused []string
		accepted := t.Run(row, func(t *testing.T) { refused = cell.try(t, w) })
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", row, map[bool]string{true: "yes", false: "FAILED"}[accepted], strings.Join(refused, "; "))
	}
}

// try returns what was refused, and how.
func (c *cell) try(t *testing.T, w *world) (refused []string) {
	if c.before != nil {
		c.before(t, w)
	}
	sys := w.node(t, c.keys)
	check(t, sys, "")
	if c.more != nil && !t.Failed() {
		refused = append(refused, c.more(t, w, sys))
	}
	for _, r := range c.refuses {
		t.Run(r.how, func(t *testing.T) { check(t, w.node(t, r.keys, r.options...), r.want) })
		refused = append(refused, r.how+" ("+r.want+")")
	}
	return refused
}
