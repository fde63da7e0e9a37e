package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tokend/config"
)

// selection says which services check --acquire tries.
type selection struct {
	globs []string // names of services, with * and ?; empty: every service
	useUp bool     // also try the services named in full that a try can break
}

// pick is one service that was selected.
type pick struct {
	service string
	skipped string // why it is not tried; empty: it is
	named   bool   // its name was given in full, so not trying it is a failure
}

// choose returns the selected services of cfg, by name. A glob that selects no
// service is wrong usage.
func (s selection) choose(cfg *config.Config) ([]pick, error) {
	if err := s.check(cfg); err != nil {
		return nil, err
	}
	var chosen []pick
	for _, name := range slices.Sorted(maps.Keys(cfg.Services)) {
		if len(s.globs) > 0 && !slices.ContainsFunc(s.globs, func(glob string) bool { return selects(glob, name) }) {
			continue
		}
		svc, named := cfg.Services[name], slices.Contains(s.globs, name)
		c := pick{service: name, named: named}
		if !named || !s.useUp {
			c.skipped = hazard(&svc)
		}
		chosen = append(chosen, c)
	}
	return chosen, nil
}

func (s selection) check(cfg *config.Config) error {
	var errs []error
	for _, glob := range s.globs {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(cfg.Services)), func(name string) bool { return selects(glob, name) }) {
			errs = append(errs, fmt.Errorf("--service %s selects no service of this configuration", printable(glob)))
		}
	}
	if s.useUp && !slices.ContainsFunc(s.globs, func(glob string) bool { _, ok := cfg.Services[glob]; return ok }) {
		errs = append(errs, errors.New("--use-up needs --service NAME, with the name in full, for each service that may be used up"))
	}
	if err := cmp.Or(errs...); err != nil {
		return usageError(err.Error())
	}
	return nil
}

// selects reports whether glob stands for name. Only * and ? are special, as in
// grants; names of services have no slash, which path.Match would treat apart.
func selects(glob, name string) bool {
	if strings.ContainsAny(glob, `[\`) {
		return false
	}
	ok, err := path.Match(glob, name)
	return ok && err == nil
}

// hazard says what a try of the service can break, nothing if it is harmless.
func hazard(s *config.Service) string {
	switch {
	case s.Provider == config.KindRefreshToken:
		return "a try may use up its refresh token, and a check keeps no new one"
	case s.NewestWins:
		return "a new token ends the one before it (newest_wins), also one that a node serves"
	default:
		return ""
	}
}

// completeConfigured completes names of services that the configuration has, none if
// that cannot be read.
func (c *checkCommand) completeConfigured(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	cfg, err := config.Load(c.file, config.WithKinds())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := slices.Sorted(maps.Keys(cfg.Services))
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, begun) }), cobra.ShellCompDirectiveNoFileComp
}
