package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/spf13/cobra"

	"tokend/messages"
	"tokend/system/httpapi"
)

const getHelp = `get prints the access token of one service.

  tokend get billing
  tokend get billing --output header | curl -H @- https://api.billing.example/

--min-ttl asks for a token that is good for at least that long. It is a wish: a
token with less life is printed when no better one can be had now.

--output token   the access token alone
--output header  the header that carries it, for curl -H @-: Authorization, or
                 what the service's inject names; none if that is a query
--output json    what the node answers: token, type, expiry, state, fingerprint

Programs that ask a helper for a credential can ask tokend. Where they want a
name beside the token, --username says which:

--output netrc              for curl --netrc-file; --machine names the host
--output git-credential     for git
--output docker-credential  for docker, from a script docker-credential-NAME
--output exec-credential    for kubectl and client-go, from users[].user.exec

git is told by git config, docker by the script, which holds one line:

  git config credential.https://git.example.helper \
    '!tokend get forge --output git-credential'
  exec tokend get registry --output docker-credential "$1"

git and docker add the word get, store, erase or list. Nothing is ever stored;
git's erase, which comes when the token was refused, has the node renew it.
Where a service has hosts, its token is given for these alone.

Exit codes: 0 a token was printed, 1 there is none now, 2 wrong usage. Why there
is none says the word after "tokend: " on stderr: unknown_service, denied,
rejected, unavailable, timeout and so on.` + addrHelp

type getCommand struct {
	program
	at                        place
	output, machine, username string
	minTTL                    time.Duration
}

func newGet(p program) *cobra.Command {
	g := &getCommand{program: p}
	cmd := &cobra.Command{
		Use:        "get SERVICE",
		SuggestFor: []string{"token", "print", "fetch"},
		Short:      "Print the access token of one service",
		Long:       getHelp,
		Args:       usage(g.arguments),

		ValidArgsFunction: p.completeService(&g.at),
		RunE:              func(cmd *cobra.Command, args []string) error { return g.run(cmd.Context(), args) },
	}
	addAddr(cmd, &g.at)
	cmd.Flags().DurationVar(&g.minTTL, "min-ttl", 0, "wish for a token with `LIFE` left, such as 30s; 0: the service's min_ttl")
	cmd.Flags().StringVar(&g.output, "output", "token", "print as `FORMAT`: "+strings.Join(getFormats, ", "))
	cmd.Flags().StringVar(&g.machine, "machine", "", "the `HOST` that a netrc line is for")
	cmd.Flags().StringVar(&g.username, "username", "", "the `NAME` beside the token, for netrc, git and docker")
	_ = cmd.RegisterFlagCompletionFunc("output", completeWords(getFormats...)) // the flag is there
	return cmd
}

// The formats of get.
const (
	formatToken  = "token"
	formatHeader = "header"
	formatJSON   = "json"
	formatNetrc  = "netrc"
	formatGit    = "git-credential"
	formatDocker = "docker-credential"
	formatExec   = "exec-credential"
)

var getFormats = []string{formatToken, formatHeader, formatJSON, formatNetrc, formatGit, formatDocker, formatExec}

// arguments wants one service, and what a program that asks a helper adds.
func (g *getCommand) arguments(cmd *cobra.Command, args []string) error {
	if len(args) == 2 && (g.output == formatGit || g.output == formatDocker) {
		return nil
	}
	return oneService(cmd, args)
}

func (g *getCommand) run(ctx context.Context, args []string) error {
	if err := g.check(); err != nil {
		return err
	}
	n, err := g.findNode(g.at)
	if err != nil {
		return err
	}
	action := "get"
	if len(args) == 2 {
		action = args[1]
	}
	switch g.output {
	case formatGit:
		return g.git(ctx, n, args[0], action)
	case formatDocker:
		return g.docker(ctx, n, args[0], action)
	}
	token, body, err := n.token(ctx, args[0], g.minTTL)
	if err != nil {
		return err
	}
	return g.print(n, token, body)
}

func (g *getCommand) check() error {
	switch err := oneOf(g.output, getFormats...); {
	case err != nil:
		return err
	case g.minTTL < 0:
		return usageError("--min-ttl cannot be negative")
	case (g.machine != "") != (g.output == formatNetrc):
		return usageError("--machine HOST belongs to --output netrc, which needs it")
	case g.machine != "" && !isWord(g.machine), g.username != "" && !isWord(g.username):
		return usageError("--machine and --username are words of visible ASCII, without spaces")
	default:
		return nil
	}
}

// print prints what may stand in a header only: anything else was not handed out
// by a tokend, and would break out of the caller's header, or steer the terminal.
func (g *getCommand) print(n *node, token httpapi.Token, body []byte) error {
	if g.output == formatJSON {
		return g.pass(n, body)
	}
	if !isFieldValue(token.AccessToken.Reveal()) || !isWord(token.TokenType) {
		return n.stranger()
	}
	text, err := token.AccessToken.Reveal(), error(nil)
	switch g.output {
	case formatHeader:
		text, err = n.headerLine(token)
	case formatNetrc:
		text, err = g.netrc(token)
	case formatExec:
		return g.execCredential(token)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(g.stdout, text)
	return err
}

// netrc returns a line for a host. It has no port, so any of the host will do.
func (g *getCommand) netrc(token httpapi.Token) (string, error) {
	text := token.AccessToken.Reveal()
	switch {
	case !token.Placement().AllowsName(g.machine):
		return "", misplaced(messages.NotAllowed(token.Service, g.machine))
	case !isWord(text):
		return "", unavailable(errors.New("the token has a space in it, which no netrc can hold"))
	default:
		return fmt.Sprintf("machine %s login %s password %s", g.machine, cmp.Or(g.username, gitUsername), text), nil
	}
}

// isWord reports whether text is visible ASCII without spaces.
func isWord(text string) bool { return isFieldValue(text) && !strings.Contains(text, " ") }

// isFieldValue reports whether text is visible ASCII, with spaces inside at most.
func isFieldValue(text string) bool {
	outside := func(r rune) bool { return r < ' ' || r > '~' }
	return text != "" && text == strings.Trim(text, " ") && !strings.ContainsFunc(text, outside)
}

// writeJSON prints value in one line, as it is.
func (p program) writeJSON(value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return internal(err)
	}
	_, err = fmt.Fprintln(p.stdout, escaped(string(text)))
	return err
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
