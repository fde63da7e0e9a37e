package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"tokend/config"
	"tokend/system/httpapi"
)

const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// failure is an error with all that goes to stderr.
type failure struct {
	exit int
	code string // what scripts branch on
	err  error
}

func (f *failure) Error() string { return f.code + ": " + f.err.Error() }

func (f *failure) Unwrap() error { return f.err }

func usageError(text string) error {
	return &failure{exit: exitUsage, code: "usage", err: errors.New(text)}
}

// unavailable says that something outside the program is not there.
func unavailable(err error) error {
	return &failure{exit: exitFailed, code: httpapi.CodeUnavailable, err: err}
}

// internal says that the program itself could not do what it was to do. Such an
// error may have a deadline or a cancelled context for its cause, and is not the
// timeout of anybody who waits for a token. An err that has a code of its own keeps
// that.
func internal(err error) error {
	if err == nil {
		return nil
	}
	if _, coded := errors.AsType[*failure](err); coded {
		return err
	}
	return &failure{exit: exitFailed, code: httpapi.CodeInternal, err: err}
}

// codeInterrupted is for what a signal ended before it was done.
const codeInterrupted = "interrupted"

// interrupted tells of the signal that ended ctx.
func interrupted(ctx context.Context) error {
	return &failure{exit: exitFailed, code: codeInterrupted, err: fmt.Errorf("ended before it was done: %w", context.Cause(ctx))}
}

// unlessStopped returns err, or nil if ctx has ended and err says only that: a
// node that is told to stop while it starts has not failed.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// reported is the exit of a command that has already said what is wrong.
type reported int

func (reported) Error() string { return "reported" }

// report tells stderr what is wrong and returns the exit code.
func report(stderr io.Writer, err error) int {
	var said reported
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &said):
		return int(said)
	}
	code, detail := told(err)
	complain(stderr, code, detail)
	if f, ok := errors.AsType[*failure](err); ok {
		return f.exit
	}
	return exitFailed
}

// told returns what is told of an error.
func told(err error) (code, detail string) {
	if f, ok := errors.AsType[*failure](err); ok {
		return f.code, f.err.Error()
	}
	p := httpapi.ProblemOf(err)
	if p.Code == httpapi.CodeInternal {
		p.Detail = err.Error()
	}
	return p.Code, p.Detail + hint(p)
}

// complain writes one line. Neither code nor detail breaks it, for scripts read
// line by line, or steers the terminal: they may come from whatever answered.
func complain(stderr io.Writer, code, detail string) {
	_, _ = fmt.Fprintf(stderr, "tokend: %s: %s\n", printable(code), printable(strings.ReplaceAll(detail, "\n", "; ")))
}

// hint tells what a problem says besides its detail.
func hint(p *httpapi.Problem) string {
	if p.Code == httpapi.CodeUnauthenticated {
		return "; --key-file or " + keyFileEnv + " names the file of one"
	}
	if deniesCaller(p) {
		return "; clients of the node's configuration say who may"
	}
	if p.Attempts == 0 {
		return ""
	}
	text := fmt.Sprintf(" (%s, attempt %d", p.Class, p.Attempts)
	if !p.NextTry.IsZero() {
		text += ", next try at " + p.NextTry.UTC().Format(time.RFC3339)
	}
	return text + ")"
}

// deniesCaller reports whether the node refuses whoever asks, and not for its own name.
func deniesCaller(p *httpapi.Problem) bool {
	return p.Code == httpapi.CodeDenied && p.Detail != httpapi.UnknownHost
}

// codeInvalidConfig goes before each mistake of a configuration.
const codeInvalidConfig = "invalid_config"

// invalidConfig tells every mistake and returns the exit.
func (p program) invalidConfig(err error) error {
	return eachMistake(err, func(line string) { complain(p.stderr, codeInvalidConfig, line) })
}

// eachMistake tells every mistake of a configuration, as PATH: message, and
// returns the exit. An err that reports none is another failure.
func eachMistake(err error, tell func(line string)) error {
	mistakes := config.Errors(err)
	if len(mistakes) == 0 {
		return internal(err)
	}
	for i := range mistakes {
		tell(mistakes[i].Error())
	}
	return reported(exitUsage)
}
