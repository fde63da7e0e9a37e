package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tokend/config"
	"tokend/system"
	"tokend/system/httpapi"
	"tokend/system/metrics"
)

const serveHelp = `serve runs a node: it keeps the tokens of all configured services fresh and
answers on every listen address.

  tokend serve --config tokend.yaml
  tokend serve --config tokend.yaml --listen unix:///tmp/t.sock

--listen replaces the listen addresses of the configuration and may be repeated:
unix:///path/of/socket, which is for its owner only unless the configuration
says otherwise, or http://127.0.0.1:7460, which every local process can use
unless the configuration has clients. The latter may also be written
tcp://127.0.0.1:7460, as in a configuration. Other addresses need TLS, and stand
in the configuration.

With startup.mode wait the node answers only when every service that is eager
and required has a token, or startup.timeout has passed; who connects meanwhile
waits.

SIGTERM or SIGINT stops the node: /readyz answers 503 at once, everything else
as before until no request is under way, for 5 s at most, and it ends. A second
signal ends it at once. The log goes to stderr.

SIGHUP, a changed FILE and tokend reload make the node read the configuration
anew. It is checked first, listen addresses included, and refused whole with
every reason in the log if anything is wrong. Services that did not change keep
their tokens, and open connections stay open; --listen, --log-level and
--log-format still replace what the file says. vault, startup, and the name and
TLS of an open address take a restart.

Under systemd, with Type=notify, the node tells when it answers and when it
stops, and keeps its watchdog quiet. A socket of a socket unit is used instead
of a listen address that is the same; its permissions are those of the unit.

Beside a Unix socket that the node makes itself stands PATH.lock, so that no two
nodes take the same path. It stays there when the node has ended.

With log.format json, what keeps the node from starting is one line of JSON as
well.

Exit codes: 0 it was told to stop, 1 it failed, 2 wrong usage or configuration,
which a restart does not mend.`

type serveCommand struct {
	program
	file string
	log  *logrus.Logger // nil: there is none yet
}

func newServe(p program) *cobra.Command {
	s := &serveCommand{program: p}
	cmd := &cobra.Command{
		Use:        "serve --config FILE",
		SuggestFor: []string{"start", "run", "daemon"},
		Short:      "Run a node",
		Long:       serveHelp,
		Args:       noArgument(configInstead),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.failed(s.run(cmd.Context(), cmd.Flags()), cmd.Flags())
		},
	}
	addConfig(cmd, &s.file)
	cmd.Flags().StringArray("listen", nil, "serve on `ADDRESS`; may be repeated")
	cmd.Flags().String("log-level", "", "log at `LEVEL`: error, warn, info or debug")
	cmd.Flags().String("log-format", "", "log as `FORMAT`: text or json")
	_ = cmd.RegisterFlagCompletionFunc("log-level", completeWords("error", "warn", "info", "debug")) // the flags are there
	_ = cmd.RegisterFlagCompletionFunc("log-format", completeWords("text", "json"))
	return cmd
}

func addConfig(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "config", "", "read the configuration from `FILE`")
}

func (s *serveCommand) run(ctx context.Context, flags *pflag.FlagSet) error {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Ignore(syscall.SIGHUP)
	tell := s.becomeNode()
	defer runtime.KeepAlive(roomForGarbage(s.getenv))
	r := &reloader{
		load: func() (*config.Config, error) { return s.load(flags) }, file: newConfigFile(s.file), hangups: hangups,
		stdout: s.stdout, asked: make(chan chan<- outcome), ended: make(chan struct{}), metrics: metrics.NewReloads(time.Now()),
	}
	r.lost.Log = droppedBy(s.stderr)
	r.file.note() // before it is read
	cfg, err := s.configured(flags)
	if err != nil {
		return err
	}
	s.log = newLogger(s.stderr, cfg.Log)
	r.log = s.log
	tell(r.log)
	sys, err := newSystem(cfg, r.log)
	if err != nil {
		return &unfit{err}
	}
	return s.serve(ctx, cfg, sys, r)
}

// serve opens the doors and serves until the node is stopped.
func (s *serveCommand) serve(ctx context.Context, cfg *config.Config, sys *system.System, r *reloader) error {
	log := r.log
	under, err := s.under()
	var sockets inherited
	if err == nil {
		sockets, err = under.inherit()
	}
	if err != nil {
		return errors.Join(unavailable(err), stopSystem(ctx, sys))
	}
	if err := turnable(cfg, sockets.has); err != nil {
		return errors.Join(&unfit{err}, stopSystem(ctx, sys))
	}
	auditor, closeAudit, err := openAudit(cfg, s.stdout, log, &r.lost.Audit)
	if err != nil {
		return errors.Join(unavailable(err), stopSystem(ctx, sys))
	}
	r.config, r.closeAudit = cfg, closeAudit
	defer func() { closeBriefly(r.closeAudit, log) }()
	doors := openingOf(cfg)
	doors.audit, doors.reloader, doors.inherited = auditor, r, sockets
	srv, err := openServer(ctx, sys, doors, log)
	if err != nil {
		return unlessStopped(ctx, unavailable(err))
	}
	for _, text := range warnings(cfg) {
		log.Warn(text)
	}
	if len(cfg.Clients) == 0 {
		warnOfTCP(srv.doors, log)
	}
	srv.startup, srv.manager = cfg.Startup, under
	return srv.run(ctx)
}

func (s *serveCommand) configured(flags *pflag.FlagSet) (*config.Config, error) {
	if s.file == "" {
		return nil, usageError("--config FILE is missing; see tokend serve --help")
	}
	cfg, err := s.load(flags)
	if err != nil {
		return nil, &unfit{err}
	}
	return cfg, nil
}

func (s *serveCommand) load(flags *pflag.FlagSet) (*config.Config, error) {
	return config.Load(s.file, config.WithKinds(), config.WithFlags(layer(flags)))
}

// layer returns the flags that were given, by their keys in the configuration.
func layer(flags *pflag.FlagSet) map[string]any {
	given := map[string]any{}
	flags.Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "listen":
			given["listen"], _ = flags.GetStringArray(f.Name)
		case "log-level", "log-format":
			given[strings.Replace(f.Name, "-", ".", 1)] = f.Value.String()
		}
	})
	return given
}

func endpoints(cfg *config.Config) []httpapi.Endpoint {
	all := make([]httpapi.Endpoint, len(cfg.Listen))
	for i, l := range cfg.Listen {
		all[i] = httpapi.Endpoint{Address: l.Address, Name: l.Name, Mode: l.Mode, Group: l.Group, TrustDirectory: l.TrustDirectory}
		if l.TLS != nil {
			all[i].TLS = &httpapi.TLSFiles{Cert: l.TLS.CertFile, Key: l.TLS.KeyFile, ClientCA: l.TLS.ClientCAFile}
		}
	}
	return all
}

// openToAll is what a loopback port means.
const openToAll = "every process on this machine can get every token at this address; a Unix socket is for its owner only"

func warnOfTCP(doors []*door, log logrus.FieldLogger) {
	for _, d := range doors {
		if d.listener.Addr().Network() != "unix" {
			log.WithField(fieldAddress, d.at.Address()).Warn(openToAll)
		}
	}
}
