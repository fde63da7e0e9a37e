package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"tokend/messages"
)

const (
	// gitUsername is what most forges take beside a token, and those that look at the
	// token alone do not mind.
	gitUsername = "oauth2"
	// maxHelperInput is far more than any program tells its helper.
	maxHelperInput = 1 << 20
)

// git answers git as gitcredentials(7) wants it of a helper. What git says about the
// place comes first: a token is not handed out for one that is reached in the clear.
func (g *getCommand) git(ctx context.Context, n *node, service, action string) error {
	said, err := gitAttributes(io.LimitReader(g.stdin, maxHelperInput))
	if err != nil {
		return internal(err)
	}
	switch action {
	case "get":
		if strings.EqualFold(said["protocol"], "http") && !isLoopback(said["host"]) {
			return usageError("git would send the token over http, where everybody on the way can read it; use https")
		}
		to := &url.URL{Scheme: strings.ToLower(said["protocol"]), Host: said["host"]}
		return g.gitGet(ctx, n, service, to, said["username"])
	case "erase":
		return n.invalidate(ctx, service, said["password"])
	default: // store, and whatever else there will be: a helper ignores what it does not know
		return nil
	}
}

func (g *getCommand) gitGet(ctx context.Context, n *node, service string, to *url.URL, username string) error {
	token, _, err := n.token(ctx, service, g.minTTL)
	if err == nil {
		err = sendable(token, to)
	}
	if err != nil {
		return err
	}
	if !isFieldValue(token.AccessToken.Reveal()) {
		return n.stranger()
	}
	text := fmt.Sprintf("username=%s\npassword=%s\n", cmp.Or(g.username, username, gitUsername), token.AccessToken.Reveal())
	if !token.ExpiresAt.IsZero() {
		text += "password_expiry_utc=" + strconv.FormatInt(token.ExpiresAt.Unix(), 10) + "\n"
	}
	_, err = io.WriteString(g.stdout, text)
	return err
}

// gitAttributes reads lines of KEY=VALUE until an empty one or the end.
func gitAttributes(r io.Reader) (map[string]string, error) {
	said := map[string]string{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxHelperInput)
	for lines.Scan() && lines.Text() != "" {
		if key, value, ok := strings.Cut(lines.Text(), "="); ok {
			said[key] = value
		}
	}
	return said, lines.Err()
}

// isLoopback reports whether host, with a port or without, is this machine.
func isLoopback(host string) bool {
	u := url.URL{Host: host}
	addr, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

// invalidate tells the node that a token was refused. Without one there is nothing
// to tell.
func (n *node) invalidate(ctx context.Context, service, token string) error {
	path, err := servicePath("/v1/services/", service)
	if err != nil || token == "" {
		return err
	}
	body, err := json.Marshal(map[string]string{"fingerprint": messages.Fingerprint(token)})
	if err != nil {
		return err
	}
	_, err = n.ask(ctx, http.MethodPost, path+"/invalidate", body)
	return err
}
