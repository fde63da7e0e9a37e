package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"tokend/cmd/tokend/internal/demo"
	"tokend/config"
	"tokend/messages"
	"tokend/system"
	"tokend/system/httpapi"
)

const devHelp = `dev runs a node to play with. It needs no configuration, no network and no
rights: the identity provider is in the same process, and both serve on loopback
only.

Four services have tokens of 20 to 30 seconds, so that within a minute a token
is acquired, refreshed, warned of, degraded, expired and recovered. Every event
is a line, and curl lines to try are printed first.

  tokend dev
  tokend dev --listen http://127.0.0.1:8080
  tokend dev --listen unix:///tmp/tokend.sock

--write-config writes the configuration of a node of your own, which gets its
tokens from the same identity provider, and prints how to check and serve it:

  tokend dev --write-config /tmp/tokend.yaml

The file is good for as long as dev runs, for every start has other secrets; a
later start replaces it. Ctrl-C ends dev, and nothing else is kept. So does the
end of its terminal, unless dev was started by nohup.

Exit codes: 0 it was told to stop, 1 it failed, 2 wrong usage.`

type devCommand struct {
	program
	listen string
	file   string // where to write a configuration; empty: nowhere
}

func newDev(p program) *cobra.Command {
	d := &devCommand{program: p}
	cmd := &cobra.Command{
		Use:        "dev",
		SuggestFor: []string{"demo", "play"},
		Short:      "Run a node with a demo identity provider, to play with",
		Long:       devHelp,
		Args:       noArgument("the address is named by --listen %s"),
		RunE:       func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) },
	}
	cmd.Flags().StringVar(&d.listen, "listen", "http://127.0.0.1:7460", "serve on `ADDRESS`")
	cmd.Flags().StringVar(&d.file, "write-config", "", "write the configuration of a node of your own to `FILE`")
	return cmd
}

func (d *devCommand) run(ctx context.Context) error {
	tell := d.becomeNode()
	queueLines(d.stdout)
	ctx, stop := untilHangup(ctx)
	defer stop()
	at, err := d.endpoint()
	if err != nil {
		return err
	}
	idp, closeIdP, err := startIdP(ctx)
	if err != nil {
		return unlessStopped(ctx, unavailable(err))
	}
	defer closeIdP()
	cfg, err := config.Parse(idp.Config(), config.WithEnviron(func() []string { return nil }))
	if err != nil {
		return err
	}
	logger := newLogger(d.stderr, config.Log{Level: "error"})
	logger.SetFormatter(quiet{logger.Formatter})
	tell(logger)
	sys, err := system.New(cfg, system.WithLogger(logger))
	if err != nil {
		return err
	}
	srv, err := openServer(ctx, sys, opening{endpoints: []httpapi.Endpoint{at}}, logger)
	if err != nil {
		return unlessStopped(ctx, unavailable(elsewhere(ctx, err)))
	}
	own, err := d.writeConfig(idp, address(srv.doors[0].listener))
	if err != nil {
		srv.closeDoors()
		return errors.Join(usageError(err.Error()), stopSystem(ctx, sys))
	}
	return d.show(ctx, srv, idp.Services(), own)
}

// endpoint reads --listen, which may also be what a browser takes.
func (d *devCommand) endpoint() (httpapi.Endpoint, error) {
	at := httpapi.Endpoint{Address: d.listen}
	switch scheme, rest, _ := strings.Cut(d.listen, "://"); scheme {
	case "http":
		at.Address = "tcp://" + strings.TrimSuffix(rest, "/")
	case "tcp", "unix":
	default:
		return at, usageError(fmt.Sprintf("--listen %.128q: %s", d.listen, addressForms))
	}
	if err := at.Validate(); err != nil {
		return at, usageError(fmt.Sprintf("--listen %.128q: %v", d.listen, err))
	}
	return at, nil
}

// elsewhere adds to err, why an address cannot be had, one that can.
func elsewhere(ctx context.Context, err error) error {
	l, e := httpapi.Listen(ctx, httpapi.Endpoint{Address: "tcp://127.0.0.1:0"})
	if e != nil {
		return err
	}
	free := address(l)
	_ = l.Close() // nobody has connected
	return fmt.Errorf("%w; --listen names another address, such as --listen %s", err, free)
}

// writeConfig does what --write-config asks for, while dev itself serves at taken.
func (d *devCommand) writeConfig(idp *demo.IdP, taken string) (*ownNode, error) {
	if d.file == "" {
		return nil, nil
	}
	own, err := newOwnNode(d.file, taken)
	if err == nil {
		err = own.write(idp.Steady())
	}
	if err != nil {
		return nil, fmt.Errorf("--write-config: %w", err)
	}
	return own, nil
}

// quiet leaves out what shows as an event already.
type quiet struct{ logrus.Formatter }

// Format returns nothing for an entry about an event.
func (q quiet) Format(e *logrus.Entry) ([]byte, error) {
	if e.Data["event"] != nil {
		return nil, nil
	}
	return q.Formatter.Format(e)
}

// startIdP serves the demo IdP on a free loopback port.
func startIdP(ctx context.Context) (*demo.IdP, func(), error) {
	l, err := httpapi.Listen(ctx, httpapi.Endpoint{Address: "tcp://127.0.0.1:0"})
	if err != nil {
		return nil, nil, err
	}
	idp, err := demo.New("http://"+l.Addr().String(), nil)
	if err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	guarded := httpapi.Guard(idp, []string{l.Addr().String()})
	return idp, background(httpapi.NewServer(guarded, log.New(io.Discard, "", 0)), l), nil
}

// background serves until the returned function is called, which waits for the
// end.
func background(s *http.Server, l net.Listener) (stop func()) {
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(l) }) // it ends by being closed
	return func() {
		_ = s.Close()
		serving.Wait()
	}
}

// show runs the node and prints what happens in it.
func (d *devCommand) show(ctx context.Context, srv *server, services []string, own *ownNode) error {
	d.greet(address(srv.doors[0].listener), services, own)
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	events := srv.sys.Subscribe(watching)
	var printing sync.WaitGroup
	printing.Go(func() { d.print(events, longestName(services)) })
	err := srv.run(ctx)
	stop()
	printing.Wait()
	return err
}

func (d *devCommand) print(events <-chan messages.Event, width int) {
	paint := d.paintFor(d.stdout)
	for e := range events {
		_, _ = fmt.Fprintln(d.stdout, paint.eventLine(e, width))
	}
}

func longestName(names []string) (longest int) {
	for _, name := range names {
		longest = max(longest, len(name))
	}
	return longest
}
