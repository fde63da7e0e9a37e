package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/spf13/cobra"

	"tokend/system/httpapi"
)

const getHelp = `get prints the access token of one service.

  tokend get billing
  curl -H "$(tokend get billing --output header)" https://api.billing.example/

--min-ttl asks for a token that is good for at least that long. It is a wish: a
token with less life is printed when no better one can be had now.

--output token   the access token alone
--output header  the Authorization header, as curl -H takes it
--output json    what the node answers: token, type, expiry, state, fingerprint` + addrHelp

type getCommand struct {
	program
	at     place
	output string
	minTTL time.Duration
}

func newGet(p program) *cobra.Command {
	g := &getCommand{program: p}
	cmd := &cobra.Command{
		Use:   "get SERVICE",
		Short: "Print the access token of one service",
		Long:  getHelp,
		Args:  usage(oneService),

		ValidArgsFunction: p.completeService(&g.at),
		RunE:              func(cmd *cobra.Command, args []string) error { return g.run(cmd.Context(), args[0]) },
	}
	addAddr(cmd, &g.at)
	cmd.Flags().DurationVar(&g.minTTL, "min-ttl", 0, "wish for a token with `LIFE` left, such as 30s; 0: the service's min_ttl")
	cmd.Flags().StringVar(&g.output, "output", "token", "print as `FORMAT`: token, header or json")
	_ = cmd.RegisterFlagCompletionFunc("output", completeWords("token", "header", "json")) // the flag is there
	return cmd
}

func (g *getCommand) run(ctx context.Context, service string) error {
	if err := oneOf(g.output, "token", "header", "json"); err != nil {
		return err
	}
	if g.minTTL < 0 {
		return usageError("--min-ttl cannot be negative")
	}
	n, err := g.findNode(g.at)
	if err != nil {
		return err
	}
	path, err := servicePath("/v1/token/", service)
	if err != nil {
		return err
	}
	query := url.Values{}
	if g.minTTL > 0 {
		query.Set("min_ttl", g.minTTL.String())
	}
	body, err := n.get(ctx, path, query)
	if err != nil {
		return err
	}
	if g.output == "json" {
		return g.pass(n, body)
	}
	var token httpapi.Token
	if err := n.decode(body, &token); err != nil {
		return err
	}
	return g.print(n, token)
}

// print prints what may stand in a header only: anything else was not handed out
// by a tokend, and would break out of the caller's header, or steer the terminal.
func (g *getCommand) print(n *node, token httpapi.Token) error {
	text := token.AccessToken.Reveal()
	if !isFieldValue(text) || !isFieldValue(token.TokenType) || strings.Contains(token.TokenType, " ") {
		return n.stranger()
	}
	if g.output == "header" {
		text = "Authorization: " + token.TokenType + " " + text
	}
	_, err := fmt.Fprintln(g.stdout, text)
	return err
}

// isFieldValue reports whether text is visible ASCII, with spaces inside at most.
func isFieldValue(text string) bool {
	outside := func(r rune) bool { return r < ' ' || r > '~' }
	return text != "" && text == strings.Trim(text, " ") && !strings.ContainsFunc(text, outside)
}

// pass prints an answer, if it is JSON, in one line. Outside of its texts nothing
// steers a terminal then, and inside of them everything can be written as \u.
func (p program) pass(n *node, body []byte) error {
	var line bytes.Buffer
	if json.Compact(&line, body) != nil {
		return n.stranger()
	}
	_, err := fmt.Fprintln(p.stdout, escaped(line.String()))
	return err
}

// escaped returns the JSON text with what cannot be printed written as \u.
func escaped(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}
