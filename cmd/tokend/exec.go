package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

const execHelp = `exec runs a command that finds the tokens of some services in its environment.

  tokend exec --file --output header H=billing -- \
    sh -c 'curl -H @"$H" https://api.billing.example/'
  tokend exec GH_TOKEN=forge -- gh release list
  tokend exec --on-change restart DB_TOKEN=db -- worker

A service's variable is TOKEND_TOKEN_ and its name in capitals, with _ for all
that is no letter or digit; VAR=SERVICE names another. With --file the token is
in a file that its owner alone can read, and the variable holds the file's path.
--output header gives the whole header that carries the token, as get has it,
instead of the token.

The command starts when all tokens are there, and never without one. What it
prints and reads, its terminal, its signals and its exit code are its own; a
command killed by a signal exits with 128 and the signal's number.

--on-change says what is done when a token was replaced:

  (nothing)  the command keeps what it has: enough for one that ends soon
  file       the file is written anew, for a command that reads it at each use
  signal     the same, and the command gets the signal of --signal
  restart    the command gets SIGTERM, 10 s later SIGKILL, and is started again

Exit codes: that of the command; 1 if a token could not be had or the command
not be run, 2 for wrong usage, 126 if it is no program, 127 if there is none of
that name.` + addrHelp

type execCommand struct {
	program
	at                 place
	onChange, sendName string
	inFile             bool
	output             string
	send               os.Signal // what a change sends; nil: nothing
}

func newExec(p program) *cobra.Command {
	e := &execCommand{program: p}
	cmd := &cobra.Command{
		Use:   "exec [flags] [VAR=]SERVICE… -- COMMAND [ARGUMENT…]",
		Short: "Run a command with tokens in its environment",
		Long:  execHelp,

		DisableFlagsInUseLine: true, // behind the command they would be the command's
		ValidArgsFunction:     p.completeVariables(&e.at),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.run(cmd.Context(), args, cmd.ArgsLenAtDash())
		},
	}
	addAddr(cmd, &e.at)
	cmd.Flags().StringVar(&e.onChange, "on-change", "", "when a token was replaced, do `WHAT`: file, signal or restart")
	cmd.Flags().StringVar(&e.sendName, "signal", "HUP", "the `SIGNAL` of --on-change signal")
	_ = cmd.RegisterFlagCompletionFunc("on-change", completeWords(onChangeFile, onChangeSignal, onChangeRestart)) // the flag is there
	cmd.Flags().StringVar(&e.output, "output", formatToken, "give each token as `FORMAT`: token or header")
	_ = cmd.RegisterFlagCompletionFunc("output", completeWords(formatToken, formatHeader)) // the flag is there
	cmd.Flags().BoolVar(&e.inFile, "file", false, "put each token into a file, and its path into the variable")
	return cmd
}

// The values of --on-change.
const (
	onChangeFile    = "file"
	onChangeSignal  = "signal"
	onChangeRestart = "restart"
)

const (
	exitNoProgram = 126
	exitNoCommand = 127
)

func (e *execCommand) run(ctx context.Context, args []string, dash int) error {
	if dash < 1 || dash == len(args) {
		return usageError("exec wants services, then -- and a command: tokend exec SERVICE -- COMMAND; see tokend exec --help")
	}
	variables, err := parseVariables(args[:dash])
	if err == nil {
		err = e.check()
	}
	if err != nil {
		return err
	}
	n, err := e.findNode(e.at)
	if err != nil {
		return err
	}
	file, err := lookUp(args[dash])
	if err != nil {
		return err
	}
	h := &holder{node: n, variables: variables, asHeader: e.output == formatHeader}
	defer h.drop()
	if err := h.take(ctx); err != nil {
		return err
	}
	c := &child{file: file, args: args[dash:], holder: h, complain: e.stderr}
	if e.onChange == "" && !e.inFile {
		return c.replace()
	}
	if err := e.prepare(h); err != nil {
		return err
	}
	return c.supervise(ctx, e)
}

// prepare makes what must not outlive this process: the guard is there before a token
// is in a file.
func (e *execCommand) prepare(h *holder) error {
	if e.inFile {
		if err := h.makeFiles(); err != nil {
			return err
		}
	}
	if e.guard != nil {
		var err error
		if h.guard, err = e.guard(h.dir); err != nil {
			h.guard = nil
			complain(e.stderr, "warning", fmt.Sprintf("if this process is killed, what it has started may go on, and its files stay: %v", err))
		}
	}
	if e.inFile {
		return h.write(h.tokens)
	}
	return nil
}

func (e *execCommand) check() error {
	if err := oneOf(e.output, formatToken, formatHeader); err != nil {
		return err
	}
	switch e.onChange {
	case "", onChangeRestart:
		return nil
	case onChangeFile, onChangeSignal:
		e.inFile = true
	default:
		return usageError("--on-change is one of file, signal, restart")
	}
	if e.onChange == onChangeSignal {
		if e.send = signalNamed(strings.TrimPrefix(e.sendName, "SIG")); e.send == nil {
			return usageError(fmt.Sprintf("there is no signal %.32q that can be sent here", e.sendName))
		}
	}
	return nil
}

// lookUp finds the command as execvp does.
func lookUp(name string) (string, error) {
	file, err := exec.LookPath(name)
	switch {
	case err == nil:
		return file, nil
	case errors.Is(err, fs.ErrPermission):
		return "", &failure{exit: exitNoProgram, code: "not_executable", err: err}
	default:
		return "", &failure{exit: exitNoCommand, code: "not_found", err: err}
	}
}

// variable is where a command finds a service's token.
type variable struct{ name, service string }

const variablePrefix = "TOKEND_TOKEN_"

var (
	isVariable  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	notVariable = regexp.MustCompile(`[^A-Z0-9]`)
)

// parseVariables reads words of the form SERVICE or VAR=SERVICE.
func parseVariables(words []string) ([]variable, error) {
	all := make([]variable, 0, len(words))
	for _, word := range words {
		name, service, named := strings.Cut(word, "=")
		if !named {
			name, service = variablePrefix+notVariable.ReplaceAllString(strings.ToUpper(word), "_"), word
		}
		if !isVariable.MatchString(name) {
			return nil, usageError(fmt.Sprintf("%.64q is no name of a variable: letters, digits and _, no digit first", name))
		}
		if _, err := servicePath("", service); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(v variable) bool { return v.name == name }) {
			return nil, usageError(fmt.Sprintf("%s would hold two tokens; name another variable: VAR=%s", name, service))
		}
		all = append(all, variable{name, service})
	}
	return all, nil
}
