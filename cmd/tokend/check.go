package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"tokend/config"
	"tokend/system"
)

const checkHelp = `check reads a configuration as serve does, environment included, and prints
every mistake in it to stderr, as "PATH: message". Kinds of provider that a host
program brings cannot be checked by this command: they are known in that program
only. Warnings go to stderr, as "tokend: warning: detail": of files that others
can read or change but should not, and of all that a node warns of at its start.
If a setting means something else than in the version before, check names the
services that it concerns; CHANGELOG.md tells what changed.

  tokend check --config tokend.yaml

--acquire then gets one token of each service, without opening any listen
address, so that wrong credentials show before the node serves. Each service is
tried once, and at most limits.in_flight_per_host of them at a time:

  tokend check --config tokend.yaml --acquire

It prints for each service what was asked and how long that took, how long the
token lives and when it would be refreshed and warned of, and for each failure
what to do about it; the failures also go to stderr, as "tokend: CODE: detail".
--output json prints the same for programs. A lifetime that looks wrong is a
warning.

Nothing is kept of what is acquired. So a check skips what a try can break:
services of provider refresh_token, whose refresh token may be used up, and
those with newest_wins: true, where a new token ends the one of a running node.
--service chooses services by name, with * and ?; --use-up also tries those of
them that are named in full:

  tokend check --config tokend.yaml --acquire --service 'erp-*'
  tokend check --config tokend.yaml --acquire --service mail --use-up

Exit codes: 0 all is well, 1 a token could not be acquired, or a service named
in full was skipped, 2 mistakes.`

type checkCommand struct {
	program
	file    string
	acquire bool
	chosen  selection
	output  string
}

func newCheck(p program) *cobra.Command {
	c := &checkCommand{program: p}
	cmd := &cobra.Command{
		Use:        "check --config FILE",
		SuggestFor: []string{"validate", "verify", "lint"},
		Short:      "Check a configuration",
		Long:       checkHelp,
		Args:       noArgument(configInstead),
		RunE:       func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	addConfig(cmd, &c.file)
	cmd.Flags().BoolVar(&c.acquire, "acquire", false, "get a token of each service once, too")
	cmd.Flags().StringArrayVar(&c.chosen.globs, "service", nil, "with --acquire, try only services that match `GLOB`; may be repeated")
	cmd.Flags().BoolVar(&c.chosen.useUp, "use-up", false, "with --acquire, also try a service named by --service that a try can break")
	cmd.Flags().StringVar(&c.output, "output", "text", "with --acquire, print as `FORMAT`: text or json")
	_ = cmd.RegisterFlagCompletionFunc("service", c.completeConfigured) // the flags are there
	_ = cmd.RegisterFlagCompletionFunc("output", completeWords("text", "json"))
	return cmd
}

func (c *checkCommand) run(ctx context.Context) error {
	if c.file == "" {
		return usageError("--config FILE is missing; see tokend check --help")
	}
	if err := c.checkOutput(); err != nil {
		return err
	}
	cfg, sys, err := c.load()
	if err != nil {
		return c.printMistakes(err)
	}
	return errors.Join(c.judge(ctx, sys, cfg), stopSystem(ctx, sys))
}

func (c *checkCommand) checkOutput() error {
	if err := oneOf(c.output, "text", "json"); err != nil {
		return err
	}
	switch {
	case c.acquire:
		return nil
	case c.output != "text":
		return usageError("--output " + c.output + " is for --acquire: mistakes are printed as lines of PATH: message")
	case len(c.chosen.globs) > 0 || c.chosen.useUp:
		return usageError("--service and --use-up need --acquire: without it the whole configuration is checked")
	default:
		return nil
	}
}

// load reads the configuration and makes a system of it, which finds what only a
// system knows, such as a kind of provider that there is not. Neither is returned if
// anything is wrong.
func (c *checkCommand) load() (*config.Config, *system.System, error) {
	cfg, err := config.Load(c.file, config.WithKinds())
	if err != nil {
		return nil, nil, err
	}
	sys, err := newSystem(cfg, discard())
	if unfit := errors.Join(turnable(cfg, byRoot), unfitAudit(cfg.Audit)); unfit != nil {
		if err == nil {
			err = stopSystem(context.Background(), sys)
		}
		err = errors.Join(err, unfit)
	}
	if err != nil {
		return nil, nil, err
	}
	return cfg, sys, nil
}

// newSystem returns the system of a configuration that is right for this machine, too,
// or all that is wrong with it.
func newSystem(cfg *config.Config, log *logrus.Logger) (*system.System, error) {
	sys, err := system.New(cfg, system.WithLogger(log))
	wanting := missing(cfg)
	if err == nil && wanting != nil {
		err = stopSystem(context.Background(), sys)
	}
	if err = errors.Join(err, wanting); err != nil {
		return nil, err
	}
	return sys, nil
}

// judge says what a configuration without mistakes is worth.
func (c *checkCommand) judge(ctx context.Context, sys *system.System, cfg *config.Config) (err error) {
	for _, text := range slices.Concat(warnings(cfg), sharedLogins(cfg), exposures(c.file, cfg, sys)) {
		complain(c.stderr, "warning", text)
	}
	switch {
	case c.acquire && (len(cfg.Services) > 0 || c.output == "json"):
		return c.acquireAll(ctx, sys, cfg)
	case len(cfg.Services) == 0:
		_, err = fmt.Fprintf(c.stdout, "%s is valid, but has no services: nothing would be served\n", printable(c.file))
	default:
		_, err = fmt.Fprintf(c.stdout, "%s is valid, services: %d\n", printable(c.file), len(cfg.Services))
		err = errors.Join(err, tellNovelties(c.stdout, cfg))
	}
	return err
}

// stopSystem ends sys, in bounded time, whether ctx has ended or not.
func stopSystem(ctx context.Context, sys *system.System) error {
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	return internal(sys.Stop(bound))
}

func (c *checkCommand) printMistakes(err error) error {
	return eachMistake(err, func(line string) { _, _ = fmt.Fprintln(c.stderr, printable(line)) })
}

// discard returns a logger for systems whose doings are printed.
func discard() *logrus.Logger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}
