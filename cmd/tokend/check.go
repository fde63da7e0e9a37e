package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"tokend/config"
	"tokend/messages"
	"tokend/system"
)

const checkHelp = `check reads a configuration as serve does, environment included, and prints every
mistake in it to stderr, as "PATH: message".

  tokend check --config tokend.yaml

--acquire then asks each identity provider for one token, without opening any
listen address, so that wrong credentials show before the node serves:

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
		Args:  usage(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	addConfig(cmd, &c.file)
	cmd.Flags().BoolVar(&c.acquire, "acquire", false, "also get a token of each service once")
	return cmd
}

func (c *checkCommand) run(ctx context.Context) error {
	if c.file == "" {
		return usageError("--config FILE is missing; see tokend check --help")
	}
	cfg, err := config.Load(c.file)
	if err != nil {
		return c.printMistakes(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard) // what matters here is printed
	sys, err := system.New(cfg, system.WithLogger(log))
	if err != nil {
		return c.printMistakes(err)
	}
	if c.acquire {
		return c.acquireAll(ctx, sys, slices.Sorted(maps.Keys(cfg.Services)))
	}
	_, err = fmt.Fprintf(c.stdout, "%s is valid, services: %d\n", c.file, len(cfg.Services))
	return err
}

func (c *checkCommand) printMistakes(err error) error {
	for _, line := range mistakes(err) {
		_, _ = fmt.Fprintln(c.stderr, line)
	}
	return reported(exitUsage)
}

// acquireAll gets each service's token once and tells how that went.
func (c *checkCommand) acquireAll(ctx context.Context, sys *system.System, names []string) (err error) {
	if err := sys.Start(ctx); err != nil {
		return err
	}
	defer func() {
		bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		err = errors.Join(err, sys.Stop(bound))
	}()
	ctx, cancel := context.WithTimeout(ctx, longest(sys, names))
	defer cancel()
	tokens, errs := sys.TokensByName(ctx, 0, names...)
	for _, name := range names {
		c.tell(name, tokens[name], errs[name])
	}
	if len(errs) > 0 {
		return reported(exitFailed)
	}
	return nil
}

// longest returns how long the slowest service may take, and a moment more: who
// waits exactly as long learns nothing of the reason.
func longest(sys *system.System, names []string) time.Duration {
	bound := time.Second
	for _, name := range names {
		if timeout, err := sys.Timeout(name); err == nil {
			bound = max(bound, timeout+time.Second)
		}
	}
	return bound
}

func (c *checkCommand) tell(name string, token messages.Token, err error) {
	if err != nil {
		report(c.stderr, err)
		return
	}
	life := "never expires"
	if !token.ExpiresAt.IsZero() {
		life = "expires " + from(token.ExpiresAt, time.Now())
	}
	_, _ = fmt.Fprintf(c.stdout, "%s: ok, %s, fingerprint %s\n", name, life, token.Fingerprint)
}
