package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	// meantTime is how long somebody who mistyped a name may wait for a better one.
	meantTime = time.Second
	mostMeant = 3
)

// meant returns what to do about a service that there is not, as the end of a
// sentence: which name was most likely meant. It is empty if the node lists nothing
// to this caller.
func (n *node) meant(ctx context.Context, name string) string {
	ctx, cancel := context.WithTimeout(ctx, meantTime)
	defer cancel()
	names := &cobra.Command{SuggestionsMinimumDistance: 2}
	services := n.services(ctx)
	for _, info := range services {
		if service, err := servicePath("", info.Service); err == nil {
			names.AddCommand(&cobra.Command{Use: service, Run: func(*cobra.Command, []string) {}})
		}
	}
	near := names.SuggestionsFor(name)
	switch {
	case len(services) == 0:
		return ""
	case len(near) == 0 || name == "":
		return "; tokend list prints those that are"
	default:
		return "; did you mean " + strings.Join(near[:min(len(near), mostMeant)], " or ") + "?"
	}
}
