package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

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
	if f, ok := errors.AsType[*failure](err); ok {
		complain(stderr, f.code, f.err.Error())
		return f.exit
	}
	p := httpapi.ProblemOf(err)
	if p.Code == httpapi.CodeInternal {
		p.Detail = err.Error()
	}
	complain(stderr, p.Code, p.Detail+hint(p))
	return exitFailed
}

// complain writes one line. A detail never breaks it: scripts read line by line.
func complain(stderr io.Writer, code, detail string) {
	_, _ = fmt.Fprintf(stderr, "tokend: %s: %s\n", code, strings.ReplaceAll(detail, "\n", "; "))
}

// hint tells what a problem says besides its detail.
func hint(p *httpapi.Problem) string {
	if p.Attempts == 0 {
		return ""
	}
	text := fmt.Sprintf(" (%s, attempt %d", p.Class, p.Attempts)
	if !p.NextTry.IsZero() {
		text += ", next try at " + p.NextTry.Local().Format(clockLayout)
	}
	return text + ")"
}

// codeInvalidConfig goes before each mistake of a configuration.
const codeInvalidConfig = "invalid_config"

// mistakes returns every mistake of a configuration, as PATH: message.
func mistakes(err error) []string {
	found := config.Errors(err)
	if len(found) == 0 {
		return strings.Split(err.Error(), "\n")
	}
	lines := make([]string, len(found))
	for i := range found {
		lines[i] = found[i].Error()
	}
	return lines
}

// invalidConfig tells every mistake and returns the exit.
func (p program) invalidConfig(err error) error {
	for _, line := range mistakes(err) {
		complain(p.stderr, codeInvalidConfig, line)
	}
	return reported(exitUsage)
}
