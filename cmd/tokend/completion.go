package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tokend/system/httpapi"
)

const completionHelp = `completion prints a script with which the shell completes commands, flags and
the names of services. Those it asks the node for, as other commands do; where
there is none it completes nothing.

  bash  source <(tokend completion bash), with the package bash-completion
  zsh   source <(tokend completion zsh), after compinit
  fish  tokend completion fish | source

Such a line belongs into the file that the shell reads when it starts.

Exit codes: 0 printed, 2 wrong usage.`

var shells = []string{"bash", "zsh", "fish"}

func newCompletion(p program) *cobra.Command {
	return &cobra.Command{
		Use:       "completion bash|zsh|fish",
		Short:     "Print a script that completes commands in a shell",
		Long:      completionHelp,
		Args:      usage(oneShell),
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch root := cmd.Root(); args[0] {
			case "bash":
				return root.GenBashCompletionV2(p.stdout, true)
			case "zsh":
				return root.GenZshCompletion(p.stdout)
			default:
				return root.GenFishCompletion(p.stdout, true)
			}
		},
	}
}

// oneShell wants the name of one shell.
func oneShell(_ *cobra.Command, args []string) error {
	if len(args) == 1 && oneOf(args[0], shells...) == nil {
		return nil
	}
	return fmt.Errorf("exactly one shell must be named: %s", strings.Join(shells, ", "))
}

// completionTime is how long somebody who presses a key may wait for names.
const completionTime = time.Second

type completer = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective)

// completeService completes the name of one service.
func (p program) completeService(at *place) completer {
	all := p.completeServices(at)
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return all(cmd, args, begun)
	}
}

// completeServices completes names of services that are not there yet. It fails in
// silence: there is no place for an error in the middle of a command line.
func (p program) completeServices(at *place) completer {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
		defer cancel()
		var names []string
		for _, info := range p.servicesAt(ctx, *at) {
			if strings.HasPrefix(info.Service, begun) && printable(info.Service) == info.Service && oneOf(info.Service, args...) != nil {
				names = append(names, info.Service+"\t"+printable(info.State))
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeVariables completes names of services, after VAR= too. What stands after
// the -- is a command, which the shell completes.
func (p program) completeVariables(at *place) completer {
	all := p.completeServices(at)
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if slices.Contains(p.line, "--") { // cobra parses a line that is completed with one at its end
			return nil, cobra.ShellCompDirectiveDefault
		}
		name, service, named := strings.Cut(begun, "=")
		if !named {
			return all(cmd, args, begun)
		}
		names, directive := all(cmd, nil, service) // another variable may hold the same token
		for i := range names {
			names[i] = name + "=" + names[i]
		}
		return names, directive
	}
}

// servicesAt returns what a node lists, nothing if there is none.
func (p program) servicesAt(ctx context.Context, at place) []httpapi.TokenInfo {
	at.wait = 0
	n, err := p.findNode(at)
	if err != nil {
		return nil
	}
	return n.services(ctx)
}

// services returns what the node lists for this caller, nothing if it does not.
func (n *node) services(ctx context.Context) []httpapi.TokenInfo {
	body, err := n.askOnce(ctx, http.MethodGet, "/v1/services", nil)
	if err != nil {
		return nil
	}
	var services httpapi.Services
	if n.decode(body, &services) != nil {
		return nil
	}
	return services.Services
}

// completeWords completes a flag's value.
func completeWords(words ...string) completer {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}
