package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"tokend/actors/local"
	"tokend/messages"
)

// Exec is a command that prints a token.
type Exec struct {
	// Command is called once by NewExec, which looks for the program, and then at
	// every acquisition. Its error is shown, so its text must not hold a secret.
	Command func() (Execution, error)
	Dir     string   // where it runs; empty: the working directory
	Format  string   // one of the Format constants; empty: FormatAuto
	Type    string   // how the token is sent; empty: as what is printed says, or Bearer
	Scopes  []string // of a token that comes without any
}

// Execution is what an [Exec] runs. All of it counts as secret: it prints redacted,
// and its values are kept out of error texts, but for arguments that are words.
// Make it when it is asked for and keep it in no struct, as an [HTTPRequest].
type Execution struct {
	Args    []string          // the program, by name or absolute path, and its arguments
	Env     map[string]string // variables, besides those of [local.Environment]
	Secrets []messages.Secret // texts in all of that which are secret by themselves
}

// String returns [messages.Redacted].
func (Execution) String() string { return messages.Redacted }

// Format prints [messages.Redacted] for every verb.
func (Execution) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, messages.Redacted) }

// MarshalText returns [messages.Redacted].
func (Execution) MarshalText() ([]byte, error) { return []byte(messages.Redacted), nil }

// LogValue returns [messages.Redacted].
func (Execution) LogValue() slog.Value { return slog.StringValue(messages.Redacted) }

// NewExec returns a Provider for e, which is [Hosted]: services that run one program
// share a bound. It looks for the program, but does not run it, and stays with what
// it has found.
func NewExec(e Exec) (Provider, error) {
	e.Format = cmp.Or(e.Format, FormatAuto)
	if !slices.Contains([]string{FormatAuto, FormatToken, FormatJSON, FormatExecCredential}, e.Format) {
		return nil, &KeyError{"format", "is none of auto, token, json and exec_credential"}
	}
	var err error
	if e.Type, err = declaredType(e.Type); err != nil {
		return nil, err
	}
	if e.Command == nil {
		return nil, &KeyError{"command", "missing"}
	}
	x, err := e.Command()
	if err != nil {
		return nil, &KeyError{"command", err.Error()}
	}
	if len(x.Args) == 0 {
		return nil, &KeyError{"command", "missing"}
	}
	program, err := local.Program(x.Args[0])
	if err != nil {
		return nil, &KeyError{"command[0]", err.Error()}
	}
	e.Scopes = slices.Clone(e.Scopes)
	return &hosted{opaque: opaque{"exec", (&command{e, program}).acquire}, host: "exec:" + program}, nil
}

type command struct {
	Exec

	program string
}

// acquire runs the command, once.
func (p *command) acquire(ctx context.Context, req Request) (Result, error) {
	x, err := p.Command()
	switch {
	case err != nil:
		return Result{}, unreadyf("%s", err)
	case len(x.Args) == 0:
		return Result{}, unreadyf("command: missing")
	}
	run := local.Command{Program: p.program, Args: x.Args[1:], Env: p.environment(&x), Dir: p.Dir}
	out, err := run.Run(ctx)
	if err != nil {
		return Result{}, ended(err, x.said(&out, &req))
	}
	res, err := parsePrinted(p.Format, out.Stdout)
	if err == nil {
		err = res.declareFree(p.Type)
	}
	if err != nil {
		return Result{}, because(err, x.said(&out, &req))
	}
	if res.Scopes == nil {
		res.Scopes = p.Scopes
	}
	return res, nil
}

// environment returns the command's own variables, as NAME=VALUE.
func (p *command) environment(x *Execution) []string {
	var env []string
	if p.Format == FormatExecCredential {
		env = append(env, execInfo)
	}
	for name, value := range x.Env {
		env = append(env, name+"="+value)
	}
	return env
}

// execInfo tells a credential plugin what is wanted of it.
const execInfo = `KUBERNETES_EXEC_INFO={"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"interactive":false}}`

// ended says how a run ended that brought nothing, and what was said about it.
func ended(err error, said string) error {
	e := &Error{Class: messages.ClassTransient}
	_, exited := errors.AsType[*local.ExitError](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		e.TimedOut, e.Text = true, "timeout: the command had not ended, and was ended"
	case errors.Is(err, context.Canceled):
		e.Text = "acquisition was called off"
	case errors.Is(err, local.ErrFlood):
		e.Class, e.Text = messages.ClassMalformed, "the command "+err.Error()
	case exited:
		e.Text = "the command " + err.Error()
	default:
		e.Text = "command: " + err.Error()
	}
	if said != "" {
		e.Text += ": " + said
	}
	return e
}

// because adds to an *unusable what the command said.
func because(err error, said string) error {
	if e, ok := errors.AsType[*unusable](err); ok && said != "" {
		return unusablef("%s: %s", e.text, said)
	}
	return err
}

// maxMessage bounds what is shown of a command's messages, in characters. The last
// ones count: programs tend to say at the end why they give up.
const maxMessage = 200

// said returns the messages of a command as they may be shown: without anything
// that it or the provider was told, or that it has printed.
func (x *Execution) said(out *local.Output, req *Request) string {
	var hidden secrets
	req.hide(&hidden)
	x.hide(&hidden)
	hidePrinted(&hidden, out.Stdout)
	clean, why := hidden.clean(string(out.Stderr))
	if why != "" {
		return "message " + why
	}
	if all := []rune(clean); len(all) > maxMessage {
		return "…" + strings.TrimSpace(string(all[len(all)-maxMessage+1:]))
	}
	return clean
}

// hide makes the values of the execution known to hidden. Arguments that are words
// or names of options are not: messages are full of them.
func (x *Execution) hide(hidden *secrets) {
	for _, secret := range x.Secrets {
		hidden.add(secret.Reveal())
	}
	for _, value := range x.Env {
		hidden.addLiteral(value)
	}
	for _, arg := range x.Args[1:] {
		option, value, assigned := strings.Cut(arg, "=")
		if assigned && isRoute(option) {
			arg = value
		}
		if !isRoute(arg) {
			hidden.addLiteral(arg)
		}
	}
}

// hidePrinted makes known to hidden what a command printed: it may be a token, or
// hold one. More than a few lines of it leave nothing to be shown.
func hidePrinted(hidden *secrets, stdout []byte) {
	var document any
	stdout = bare(stdout)
	if json.Unmarshal(stdout, &document) == nil {
		leavesOf("", document, func(_, value string) { hidden.addLiteral(value) })
		return
	}
	for l := range strings.Lines(string(stdout)) {
		hidden.addToken(strings.TrimSpace(l))
		for word := range strings.FieldsSeq(l) {
			if !isRoute(word) {
				hidden.addToken(word)
			}
		}
	}
}
