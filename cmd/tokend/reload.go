package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"tokend/system/httpapi"
)

const reloadHelp = `reload has the node read its configuration anew and tells how that ended. The
configuration is taken whole, or refused whole with every reason, and then the
node goes on as before. Services that are as before keep their tokens, and those
that changed are tried beside the token at hand.

  tokend reload

A node without clients takes this from its own user and root only, at a Unix
socket; one with clients, from those with the verb admin on "*".

The node also reloads on SIGHUP, and when the file has changed.

Exit codes: 0 reloaded, 1 failed, 2 the configuration was refused. --output json
prints what the node answers.` + addrHelp

func newReload(p program) *cobra.Command {
	var (
		at     place
		output string
	)
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have the node read its configuration anew",
		Long:  reloadHelp,
		Args:  noArgument("the node knows its configuration; --addr names another node than %s"),
		RunE:  func(cmd *cobra.Command, _ []string) error { return p.reload(cmd.Context(), at, output) },
	}
	addAddr(cmd, &at)
	addOutput(cmd, &output)
	return cmd
}

func (p program) reload(ctx context.Context, at place, output string) error {
	if err := oneOf(output, "text", "json"); err != nil {
		return err
	}
	n, err := p.findNode(at)
	if err != nil {
		return err
	}
	answer, err := n.ask(ctx, http.MethodPost, "/v1/reload", nil)
	if err != nil {
		return notReloaded(err)
	}
	if output == "json" {
		return p.pass(n, answer)
	}
	var done httpapi.Reloaded
	if err := n.decode(answer, &done); err != nil {
		return err
	}
	text := fmt.Sprintf("reloaded, services added: %d, removed: %d, changed: %d\n", done.Added, done.Removed, done.Changed)
	if done.Clients != nil {
		text += "clients " + printable(inWordsOf(done.Clients)) + "\n"
	}
	if done.Listeners != nil {
		text += "listeners " + printable(inWordsOf(done.Listeners)) + "\n"
	}
	_, err = fmt.Fprint(p.stdout, text)
	return err
}

// notReloaded tells a configuration that was refused from a caller who was.
func notReloaded(err error) error {
	p, ok := errors.AsType[*httpapi.Problem](err)
	switch {
	case ok && p.Code == httpapi.CodeInvalidRequest:
		return &failure{exit: exitUsage, code: p.Code, err: errors.New(p.Detail)}
	case ok && deniesCaller(p):
		return &failure{exit: exitFailed, code: p.Code, err: errors.New(p.Detail +
			"; it takes the verb admin on \"*\", or on a node without clients its Unix socket and its own user; SIGHUP reloads as well")}
	default:
		return err
	}
}
