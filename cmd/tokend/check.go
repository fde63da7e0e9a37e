package main

import (
	"context"
	"fmt"
	"io"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"tokend/config"
	"tokend/system"
)

const checkHelp = `check reads a configuration as serve does, environment included, and prints every
mistake in it to stderr, as "PATH: message". Kinds of provider that a host program
brings cannot be checked by this command: they are known in that program only.

  tokend check --config tokend.yaml

--acquire then gets one token of each service, without opening any listen address,
so that wrong credentials show before the node serves. Each service is tried once,
and at most limits.in_flight_per_host of them at a time:

  tokend check --config tokend.yaml --acquire

Exit codes: 0 all is well, 1 a token could not be acquired, 2 mistakes.`

type checkCommand struct {
	program
	file    string
	acquire bool
}

func newCheck(p program) *cobra.Command {
	c := &checkCommand{program: p}
	cmd := &cobra.Command{
		Use:   "check --config FILE",
		Short: "Check a configuration",
		Long:  checkHelp,
		Args:  noArgument(configInstead),
		RunE:  func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	addConfig(cmd, &c.file)
	cmd.Flags().BoolVar(&c.acquire, "acquire", false, "get a token of each service once, too")
	return cmd
}

func (c *checkCommand) run(ctx context.Context) error {
	if c.file == "" {
		return usageError("--config FILE is missing; see tokend check --help")
	}
	cfg, err := config.Load(c.file, config.WithKinds())
	if err == nil {
		err = validate(ctx, cfg)
	}
	if err != nil {
		return c.printMistakes(err)
	}
	if len(cfg.Services) == 0 {
		_, err = fmt.Fprintf(c.stdout, "%s is valid, but has no services: nothing would be served\n", printable(c.file))
		return err
	}
	if c.acquire {
		return c.acquireAll(ctx, cfg)
	}
	_, err = fmt.Fprintf(c.stdout, "%s is valid, services: %d\n", printable(c.file), len(cfg.Services))
	return err
}

// validate finds what only a system knows, such as a kind of provider that there
// is not.
func validate(ctx context.Context, cfg *config.Config) error {
	sys, err := system.New(cfg, system.WithLogger(discard()))
	if err != nil {
		return err
	}
	return stopSystem(ctx, sys)
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
