package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"tokend/system/httpapi"
)

const watchHelp = `watch prints what happens to services as it happens, a line for each event: to
all of them, or to those that are named.

  tokend watch
  tokend watch billing erp --output json

If the connection is lost, watch connects again, and prints what happened
meanwhile. Where the node no longer knows that, there is an event "gap". A
signal ends watch, which is no failure.

--output json prints one object a line, as GET /v1/events has it.

Exit codes: 0 a signal ended it, 1 no node answers to begin with, or it refuses,
2 wrong usage.` + addrHelp

type watchCommand struct {
	program
	at     place
	output string
	width  int // of the longest name so far
}

func newWatch(p program) *cobra.Command {
	w := &watchCommand{program: p}
	cmd := &cobra.Command{
		Use:               "watch [SERVICE...]",
		SuggestFor:        []string{"events", "logs", "tail"},
		Short:             "Print what happens as it happens",
		Long:              watchHelp,
		ValidArgsFunction: p.completeServices(&w.at),
		RunE:              func(cmd *cobra.Command, args []string) error { return w.run(cmd.Context(), args) },
	}
	addAddr(cmd, &w.at)
	addOutput(cmd, &w.output)
	return cmd
}

func (w *watchCommand) run(ctx context.Context, services []string) error {
	if err := oneOf(w.output, "text", "json"); err != nil {
		return err
	}
	n, err := w.findNode(w.at)
	if err != nil {
		return err
	}
	for _, name := range services {
		if _, err := servicePath("", name); err != nil {
			return err
		}
	}
	w.width = max(longestName(services), usualName)
	feed := &feed{
		node: n, target: withQuery("/v1/events", url.Values{"service": services}),
		show:  func(data []byte) error { return w.show(n, data) },
		lost:  func(err error, pause time.Duration) { w.lost(err, pause) },
		pause: pauseBefore,
	}
	return feed.follow(ctx)
}

// usualName is room for most names, so that columns seldom move.
const usualName = 12

func (w *watchCommand) show(n *node, data []byte) error {
	if w.output == "json" {
		return w.pass(n, data)
	}
	var e httpapi.Event
	if err := n.decode(data, &e); err != nil {
		return err
	}
	w.width = max(w.width, len(e.Service))
	_, err := fmt.Fprintln(w.stdout, w.paintFor(w.stdout).line(e, describeWire(e), w.width))
	return err
}

// lost tells whoever looks at the terminal, as a failure would be told.
func (w *watchCommand) lost(err error, pause time.Duration) {
	code, detail := told(err)
	complain(w.stderr, code, fmt.Sprintf("%s; trying again in %s", detail, short(pause)))
}

// describeWire tells what an event says besides what all of them do.
func describeWire(e httpapi.Event) string {
	switch {
	case e.Event == httpapi.EventGap:
		return "events were missed"
	case e.Class == "":
		return e.Text
	}
	text := e.Class + ": " + e.Text
	if wait := e.NextTry.Sub(e.At); wait > 0 {
		text += ", next try in " + short(wait)
	}
	return text
}

const (
	firstPause = time.Second
	mostPause  = 30 * time.Second
)

// pauseBefore returns how long to wait before the attempt of that number, from 1:
// a random time of half a second to a second at first, doubling to half a minute.
func pauseBefore(attempt int) time.Duration {
	most := firstPause << min(attempt-1, 10)
	most = min(most, mostPause)
	return most/2 + rand.N(most/2)
}
