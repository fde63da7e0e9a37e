package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tokend/system/httpapi"
)

const listHelp = `list prints one line for each service: the state of its token, how long that
lives, when it is renewed, and what went wrong last.

  tokend list
  tokend list --output json

  fresh     valid
  due       valid, and about to be renewed
  degraded  valid, but the last attempt to renew it failed
  empty     none acquired yet
  expired   died before a new one came

On a terminal the token's life is drawn from its birth to its death, with the
part that is left, R where it is renewed and W where a warning is due; and
states have colours, unless the environment variable NO_COLOR is set.

--output json prints what the node answers.

Exit codes: 0 printed, whatever the states are; 1 no node answers, or it
refuses; 2 wrong usage.` + addrHelp

func newList(p program) *cobra.Command {
	var (
		at     place
		output string
	)
	cmd := &cobra.Command{
		Use:        "list",
		SuggestFor: []string{"services", "status", "ps"},
		Short:      "Print the state of every service",
		Long:       listHelp,
		Args:       noArgument("tokend info %s prints one service"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.list(cmd.Context(), at, output)
		},
	}
	addAddr(cmd, &at)
	addOutput(cmd, &output)
	return cmd
}

func (p program) list(ctx context.Context, at place, output string) error {
	var services httpapi.Services
	if err := p.show(ctx, at, output, "/v1/services", &services); err != nil || output == "json" {
		return err
	}
	paint := p.paintFor(p.stdout)
	return paint.table(p.stdout, paint.listRows(services.Services, time.Now()), inColumn(1))
}

// lifeCells is how wide a token's life is drawn.
const lifeCells = 24

// listRows are the lines of a list, on a terminal with a column more.
func (p paint) listRows(services []httpapi.TokenInfo, now time.Time) [][]string {
	rows := [][]string{{"SERVICE", "STATE", "EXPIRES", "REFRESH", "LAST ERROR"}}
	for _, info := range services {
		rows = append(rows, listRow(info, now))
	}
	if !p.terminal {
		return rows
	}
	rows[0] = slices.Insert(rows[0], 2, "LIFE")
	for i, info := range services {
		rows[i+1] = slices.Insert(rows[i+1], 2, bar(info, now, lifeCells))
	}
	return rows
}

func listRow(info httpapi.TokenInfo, now time.Time) []string {
	cause := ""
	if f := info.LastError; f != nil {
		cause = f.Class + ": " + f.Text
	}
	return []string{info.Service, info.State, expiry(info, now), from(info.RefreshAt, now), cause}
}

// expiry tells how long a service's token lives.
func expiry(info httpapi.TokenInfo, now time.Time) string {
	if info.Generation > 0 && info.ExpiresAt.IsZero() {
		return "never"
	}
	return from(info.ExpiresAt, now)
}

func addOutput(cmd *cobra.Command, output *string) {
	cmd.Flags().StringVar(output, "output", "text", "print as `FORMAT`: text or json")
	_ = cmd.RegisterFlagCompletionFunc("output", completeWords("text", "json")) // the flag is there
}

// show asks the node for path. With json it prints the answer, else it reads it
// into value.
func (p program) show(ctx context.Context, at place, output, path string, value any) error {
	if err := oneOf(output, "text", "json"); err != nil {
		return err
	}
	n, err := p.findNode(at)
	if err != nil {
		return err
	}
	body, err := n.get(ctx, path, nil)
	if err != nil {
		return err
	}
	if output == "json" {
		return p.pass(n, body)
	}
	return n.decode(body, value)
}

func oneOf(output string, choices ...string) error {
	if slices.Contains(choices, output) {
		return nil
	}
	return usageError("--output is one of " + strings.Join(choices, ", "))
}
