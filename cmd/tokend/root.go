package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// program is what the commands have of the world around them.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	noCoreDumps    func() error                     // turns them off for the whole process; nil: it is someone else's
	started        string                           // the command that the program was started as; empty: tokend
	manager        func() (manager, error)          // of this process; nil: none
	guard          func(dir string) (*guard, error) // cleans up after a tokend exec that is killed; nil: no one does
	line           []string                         // the command line, without the program
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, p program, args []string) int {
	p.line = args
	root := newRoot(p)
	root.SetArgs(args)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	return report(p.stderr, root.ExecuteContext(ctx))
}

const rootHelp = `tokend keeps the access tokens of many services fresh and hands them out.

It asks each service's identity provider for a token, renews it long before it
expires, and answers programs in any language over a Unix socket or a loopback
port. A program asks when it needs a token and never waits for a renewal.

To see it work, without any configuration:

  tokend dev

To run it, write a configuration, check it, serve, and ask:

  tokend check --config tokend.yaml
  tokend serve --config tokend.yaml
  tokend get billing

Exit codes: 0 ok, 1 failed, 2 wrong usage or configuration. Errors go to stderr,
as "tokend: CODE: detail"; but check prints what is wrong with a configuration
as bare lines of "PATH: message".`

// usageTemplate is cobra's, less what it says of itself and what no command here
// has.
const usageTemplate = `Usage:
  {{.UseLine}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if (or .IsAvailableCommand (eq .Name "help"))}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}

Flags:
{{.LocalFlags.FlagUsagesWrapped 80 | trimTrailingWhitespaces}}{{if .HasAvailableSubCommands}}

"{{.CommandPath}} COMMAND --help" says more about a command.{{end}}
`

func newRoot(p program) *cobra.Command {
	var version bool
	root := &cobra.Command{
		Use:           "tokend COMMAND",
		Short:         "Keeps access tokens fresh and hands them out",
		Long:          rootHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          usage(knownCommand),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if version {
				return p.version("text")
			}
			return cmd.Help()
		},
	}
	root.Flags().BoolVar(&version, "version", false, "print the version")
	root.SetUsageTemplate(usageTemplate)
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError(fmt.Sprintf("%v; see %s --help", err, cmd.CommandPath()))
	})
	root.SetHelpCommand(newHelp(root))
	root.AddCommand(newDev(p), newServe(p), newCheck(p), newGet(p), newList(p), newInfo(p),
		newRefresh(p), newInvalidate(p), newReload(p), newWatch(p), newExec(p), newClient(p), newVault(p), newCompletion(p), newVersion(p))
	return root
}

const helpHelp = `help prints what COMMAND --help prints.

  tokend help get

Exit codes: 0 printed, 2 there is no such command.`

// newHelp returns cobra's help command, but for one that fails when there is
// nothing to be said.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about any command",
		Long:  helpHelp,
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err = errors.Join(err, knownCommand(root, rest)); err != nil {
				return usageError(fmt.Sprintf("%v; see tokend --help", err))
			}
			cmd.InitDefaultHelpFlag()
			return cmd.Help()
		},
	}
}

// knownCommand is asked about the words that name no command.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("there is no command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return fmt.Errorf("%s", text)
}

// usage makes what check complains about a usage error.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError(fmt.Sprintf("%v; see %s --help", err, cmd.CommandPath()))
		}
		return nil
	}
}

// noArgument wants none; instead is the way to say what somebody may have meant
// by one, with a %s for it or without.
func noArgument(instead string) cobra.PositionalArgs {
	return usage(func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		text := cmd.Name() + " takes no argument"
		if instead != "" {
			text += "; " + strings.Replace(instead, "%s", fmt.Sprintf("%.64s", args[0]), 1)
		}
		return errors.New(text)
	})
}

const configInstead = "the configuration is named by --config %s"

// oneService wants the name of one service.
func oneService(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("exactly one service must be named, not %d", len(args))
	}
	return nil
}
