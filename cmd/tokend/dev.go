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

const devHelp = `dev runs a node to play with. It needs no configuration, no network and no rights:
the identity provider is in the same process, and both serve on loopback only.

Four services have tokens of 20 to 30 seconds, so that within a minute a token is
acquired, refreshed, warned of, degraded, expired and recovered. Every event is a
line, and curl lines to try are printed first.

  tokend dev
  tokend dev --listen http://127.0.0.1:8080
  tokend dev --listen unix:///tmp/tokend.sock

Ctrl-C ends it. Nothing is kept, and every start has other secrets.`

type devCommand struct {
	program
	listen string
}

func newDev(p program) *cobra.Command {
	d := &devCommand{program: p}
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a node with a demo identity provider, to play with",
		Long:  devHelp,
		Args:  usage(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) },
	}
	cmd.Flags().StringVar(&d.listen, "listen", "http://127.0.0.1:7460", "`ADDRESS` to serve on")
	return cmd
}

func (d *devCommand) run(ctx context.Context) error {
	tell := d.becomeNode()
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
	srv, err := openServer(ctx, sys, []httpapi.Endpoint{at}, nil, logger)
	if err != nil {
		err = fmt.Errorf("%w; --listen names another address, such as --listen http://127.0.0.1:7461", err)
		return unlessStopped(ctx, unavailable(err))
	}
	return d.show(ctx, srv, idp.Services())
}

// endpoint reads --listen, which may also be what a browser takes.
func (d *devCommand) endpoint() (httpapi.Endpoint, error) {
	at := httpapi.Endpoint{Address: d.listen}
	if hostport, ok := strings.CutPrefix(d.listen, "http://"); ok {
		at.Address = "tcp://" + strings.TrimSuffix(hostport, "/")
	}
	if err := at.Validate(); err != nil {
		return at, usageError(fmt.Sprintf("--listen is http://127.0.0.1:PORT or unix:///path/of/socket, not %q: %v", d.listen, err))
	}
	return at, nil
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
func (d *devCommand) show(ctx context.Context, srv *server, services []string) error {
	d.greet(address(srv.doors[0].listener), services)
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

const devGreeting = `tokend serves on ADDRESS, with a demo identity provider in the same process.
Services: SERVICES
NOTE
Try, in another terminal:

  CURL/v1/token/billing
  CURL/v1/services
  CURL/readyz
  tokend list --addr ADDRESS
  tokend get reports --addr ADDRESS --output header

Events, until Ctrl-C:

`

func (d *devCommand) greet(address string, services []string) {
	curl, note := "curl -s "+address, "Note: "+openToAll+".\n"
	if path, ok := strings.CutPrefix(address, "unix://"); ok {
		curl, note = "curl -s --unix-socket "+path+" http://localhost", ""
	}
	text := strings.NewReplacer("ADDRESS", address, "CURL", curl, "NOTE", note, "SERVICES", strings.Join(services, ", ")).Replace(devGreeting)
	_, _ = fmt.Fprint(d.stdout, text)
}
