package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"tokend/messages"
	"tokend/system/httpapi"
)

const refreshHelp = `refresh has the node acquire a new token now, past schedule and back-off, and
waits for it. An acquisition that is under way counts; attempts that callers
cause are at least a second apart.

  tokend refresh billing

--output json prints what the node answers.

Exit codes: 0 there is a new token, 1 there is none, 2 wrong usage.` + addrHelp

func newRefresh(p program) *cobra.Command {
	var (
		at     place
		output string
	)
	cmd := &cobra.Command{
		Use:               "refresh SERVICE",
		SuggestFor:        []string{"renew", "rotate"},
		Short:             "Acquire a new token of one service now",
		Long:              refreshHelp,
		Args:              usage(oneService),
		ValidArgsFunction: p.completeService(&at),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.refresh(cmd.Context(), at, output, args[0])
		},
	}
	addAddr(cmd, &at)
	addOutput(cmd, &output)
	return cmd
}

func (p program) refresh(ctx context.Context, at place, output, service string) error {
	var info httpapi.TokenInfo
	if err := p.order(ctx, at, output, service, "refresh", nil, &info); err != nil || output == "json" {
		return err
	}
	return p.say(p.paintFor(p.stdout), refreshed(info, time.Now()))
}

// refreshed tells in words what a refresh has brought.
func refreshed(info httpapi.TokenInfo, now time.Time) []string {
	expires := "expires " + expiry(info, now)
	if info.ExpiresAt.IsZero() {
		expires = "never expires"
	}
	return []string{info.Service, info.State, fmt.Sprintf("generation %d", info.Generation), info.Fingerprint, expires}
}

const invalidateHelp = `invalidate tells the node that a resource server has refused the token of a
service, so that it is given up and another one is acquired. --fingerprint names
the token that was refused, as get --output json and info print it, so that a
newer one is kept; without it whatever token is current is given up.

  tokend invalidate billing
  tokend invalidate billing --fingerprint 0123456789ab

The token is not given up if another one is current, if the last invalidation
was too recent, if no other can be had now, or if the identity provider hands
the same one out again. That is no failure, and the output says which of them it
was.

--output json prints what the node answers.

Exit codes: 0 the node was told, whether the token was given up or not; 1 it
could not be told; 2 wrong usage.` + addrHelp

func newInvalidate(p program) *cobra.Command {
	var (
		at                  place
		output, fingerprint string
	)
	cmd := &cobra.Command{
		Use:               "invalidate SERVICE",
		SuggestFor:        []string{"revoke"},
		Short:             "Tell that the token of one service was refused",
		Long:              invalidateHelp,
		Args:              usage(oneService),
		ValidArgsFunction: p.completeService(&at),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.invalidate(cmd.Context(), at, output, args[0], fingerprint)
		},
	}
	addAddr(cmd, &at)
	addOutput(cmd, &output)
	cmd.Flags().StringVar(&fingerprint, "fingerprint", "", "give up the token with `FINGERPRINT` only")
	return cmd
}

func (p program) invalidate(ctx context.Context, at place, output, service, fingerprint string) error {
	var body []byte
	if fingerprint != "" {
		var err error
		if body, err = json.Marshal(map[string]string{"fingerprint": fingerprint}); err != nil {
			return err
		}
	}
	var answer httpapi.Invalidated
	if err := p.order(ctx, at, output, service, "invalidate", body, &answer); err != nil || output == "json" {
		return err
	}
	if answer.Invalidated {
		return p.say(paint{}, []string{service, "invalidated"})
	}
	if err := p.say(paint{}, []string{service, "not invalidated"}); err != nil || answer.Reason == "" {
		return err
	}
	_, err := fmt.Fprintln(p.stdout, printable(cmp.Or(reasons[answer.Reason], answer.Reason)))
	return err
}

// reasons say in words why a token was not given up.
var reasons = map[string]string{
	messages.KeptNoToken:    "the service has no token",
	messages.KeptNotCurrent: "another token is current",
	messages.KeptExpired:    "the token has expired already",
	messages.KeptTooSoon:    "the last invalidation was too recent",
	messages.KeptNoOther:    "no other token can be had now, so it stays served",
	messages.KeptSameToken:  "the identity provider hands out the same token again",
}

// say prints words in one line.
func (p program) say(paint paint, words []string) error {
	return paint.table(p.stdout, [][]string{words}, inColumn(1))
}

// order has the node do something with one service. With json it prints the
// answer, else it reads it into value.
func (p program) order(ctx context.Context, at place, output, service, verb string, body []byte, value any) error {
	if err := oneOf(output, "text", "json"); err != nil {
		return err
	}
	n, err := p.findNode(at)
	if err != nil {
		return err
	}
	path, err := servicePath("/v1/services/", service)
	if err != nil {
		return err
	}
	answer, err := n.ask(ctx, http.MethodPost, path+"/"+verb, body)
	if err != nil {
		return err
	}
	if output == "json" {
		return p.pass(n, answer)
	}
	return n.decode(answer, value)
}
