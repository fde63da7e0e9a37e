package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"tokend/system/httpapi"
)

// dockerUsername is what registries take beside an OAuth 2 access token.
const dockerUsername = "oauth2accesstoken"

// dockerNotFound is how a helper says, on stdout, that it has no credential: docker
// then goes on without one, and tells any other text as an error.
const dockerNotFound = "credentials not found in native keychain"

// docker answers docker as its credential helpers do: the registry's URL, or what it
// wants to be stored, is on stdin.
func (g *getCommand) docker(ctx context.Context, n *node, service, action string) error {
	said, err := io.ReadAll(io.LimitReader(g.stdin, maxHelperInput))
	if err != nil {
		return internal(err)
	}
	switch action {
	case "get":
		return g.dockerGet(ctx, n, service, strings.TrimSpace(string(said)))
	case "list":
		_, err = fmt.Fprintln(g.stdout, "{}")
		return err
	case "erase":
		return nil // docker logout: the node keeps what it has
	default:
		return usageError("nothing can be stored: the node gets the token by itself, without docker login")
	}
}

func (g *getCommand) dockerGet(ctx context.Context, n *node, service, registry string) error {
	token, _, err := n.token(ctx, service, g.minTTL)
	absent := hasCode(err, httpapi.CodeUnknownService)
	if err == nil {
		err = sendable(token, registryURL(registry))
		absent = err != nil
	}
	if absent {
		_, _ = fmt.Fprintln(g.stdout, dockerNotFound)
	}
	if err != nil {
		return err
	}
	return g.writeJSON(map[string]string{
		"ServerURL": registry, "Username": cmp.Or(g.username, dockerUsername), "Secret": token.AccessToken.Reveal(),
	})
}

func hasCode(err error, code string) bool {
	p, ok := errors.AsType[*httpapi.Problem](err)
	return ok && p.Code == code
}
