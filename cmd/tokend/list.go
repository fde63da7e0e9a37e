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

  fresh     valid
  due       valid, and about to be renewed
  degraded  valid, but the last attempt to renew it failed
  empty     none acquired yet
  expired   died before a new one came

--output json prints what the node answers.` + addrHelp

func newList(p program) *cobra.Command {
	var (
		at     place
		output string
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Print the state of every service",
		Long:  listHelp,
		Args:  noArgument("tokend info %s prints one service"),
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
	rows := [][]string{{"SERVICE", "STATE", "EXPIRES", "REFRESH", "LAST ERROR"}}
	for _, info := range services.Services {
		rows = append(rows, listRow(info, time.Now()))
	}
	return p.paintFor(p.stdout).table(p.stdout, rows)
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
