package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tokend/system/httpapi"
)

const infoHelp = `info prints everything about a service's token but the token: state, lifetime,
when it is renewed, its fingerprint, what went wrong last, and counters.

  tokend info billing
  tokend info billing --output json

--output json prints what the node answers.

Exit codes: 0 printed, whatever the state is; 1 there is no such service, no
node answers, or it refuses; 2 wrong usage.` + addrHelp

func newInfo(p program) *cobra.Command {
	var (
		at     place
		output string
	)
	cmd := &cobra.Command{
		Use:        "info SERVICE",
		SuggestFor: []string{"show", "describe"},
		Short:      "Print everything about a service's token but the token",
		Long:       infoHelp,
		Args:       usage(oneService),

		ValidArgsFunction: p.completeService(&at),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.info(cmd.Context(), at, output, args[0])
		},
	}
	addAddr(cmd, &at)
	addOutput(cmd, &output)
	return cmd
}

func (p program) info(ctx context.Context, at place, output, service string) error {
	path, err := servicePath("/v1/services/", service)
	if err != nil {
		return err
	}
	var info httpapi.TokenInfo
	if err := p.show(ctx, at, output, path, &info); err != nil || output == "json" {
		return err
	}
	paint := p.paintFor(p.stdout)
	return paint.table(p.stdout, paint.infoRows(info, time.Now()), tellsState)
}

// tellsState is the [telling] of an info's lines.
func tellsState(row []string, column int) bool { return column == 1 && row[0] == "state" }

// infoRows are the lines of an info, on a terminal with some more.
func (p paint) infoRows(info httpapi.TokenInfo, now time.Time) [][]string {
	rows := infoRows(info, now)
	if !p.terminal {
		return rows
	}
	var more [][]string
	for _, row := range rows {
		more = append(more, row)
		if row[0] != "state" {
			continue
		}
		for _, extra := range []string{inWords(info.State), bar(info, now, 2*lifeCells)} {
			if extra != "" {
				more = append(more, []string{"", extra})
			}
		}
	}
	return more
}

// infoRows leaves out what the service does not have.
func infoRows(info httpapi.TokenInfo, now time.Time) [][]string {
	all := [][]string{
		{"service", info.Service},
		{"provider", info.Provider},
		{"state", info.State},
		{"suspect", suspicion(info)},
		{"expires", point(info.ExpiresAt, expiry(info, now))},
		{"not before", notBefore(info, now)},
		{"refresh", point(info.RefreshAt, from(info.RefreshAt, now))},
		{"warning", point(info.WarnAt, from(info.WarnAt, now))},
		{"created", point(info.CreatedAt, from(info.CreatedAt, now))},
		{"refresh threshold", info.RefreshThreshold},
		{"type", info.TokenType},
		{"type by the server", info.ServerTokenType},
		{"scopes", strings.Join(info.Scopes, " ")},
		{"scopes missing", strings.Join(info.ScopesMissing, " ")},
		{"generation", strconv.FormatUint(info.Generation, 10)},
		{"fingerprint", info.Fingerprint},
		{"settings", settings(info)},
		{"last error", lastError(info.LastError, now)},
		{"answered", fmt.Sprintf("%d at once, %d after waiting or not at all", info.Counters.Hits, info.Counters.Misses)},
		{"acquisitions", fmt.Sprintf("%d, failed attempts: %d", info.Counters.Refreshes, info.Counters.Failures)},
	}
	var rows [][]string
	for _, row := range all {
		if row[1] != "" {
			rows = append(rows, row)
		}
	}
	return rows
}

// notBefore warns of a token that is handed out before it is valid.
func notBefore(info httpapi.TokenInfo, now time.Time) string {
	if info.NotBefore.IsZero() {
		return ""
	}
	return point(info.NotBefore, from(info.NotBefore, now)) + ": servers may refuse the token until then"
}

// suspicion tells why some servers may refuse a token.
func suspicion(info httpapi.TokenInfo) string {
	if !info.Suspect {
		return ""
	}
	return "a caller reported the token as refused, and no other can be had now"
}

// point tells a time both ways.
func point(t time.Time, relative string) string {
	if t.IsZero() {
		return relative
	}
	return relative + " (" + t.UTC().Format(time.RFC3339) + ")"
}

func settings(info httpapi.TokenInfo) string {
	var words []string
	if info.Required {
		words = append(words, "required")
	}
	if info.Eager {
		words = append(words, "eager")
	}
	return strings.Join(words, ", ")
}

func lastError(f *httpapi.Failure, now time.Time) string {
	if f == nil {
		return ""
	}
	text := fmt.Sprintf("%s: %s (attempt %d, %s", f.Class, f.Text, f.Attempts, from(f.At, now))
	if !f.NextTry.IsZero() {
		text += ", next try " + from(f.NextTry, now)
	}
	return text + ")"
}
