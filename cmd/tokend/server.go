package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/sirupsen/logrus"

	"tokend/config"
	"tokend/system"
	"tokend/system/access"
	"tokend/system/httpapi"
	"tokend/system/metrics"
)

const (
	// drainTime is how long requests under way may take when the node stops. The
	// callers who still wait for a token then are told that it has stopped.
	drainTime = 5 * time.Second
	// stopTime bounds the end of the system after that.
	stopTime = 5 * time.Second
	// lastAnswers is for those callers' answers to leave.
	lastAnswers = time.Second

	fieldAddress = "address"
)

// server is a system with its doors open.
type server struct {
	sys      *system.System
	log      logrus.FieldLogger
	patience time.Duration // with requests under way when the node stops
	startup  config.Startup
	manager  manager
	handler  http.Handler // of all doors
	requests requests
	stopping chan struct{} // closed when the node is about to stop
	traffic  *httpapi.Traffic
	policy   *access.Shared
	audit    *access.SharedAuditor
	reloader *reloader // nil: the node reads no configuration anew
	told     int       // connections, when fewer than wanted are kept

	serving sync.WaitGroup
	failed  chan error // of a door, or of the start

	mu      sync.Mutex // guards what follows; held for moments
	stopped bool       // no door is opened or given up any more
	doors   []*door
}

// thisBuild is what the metrics say that runs.
func thisBuild() metrics.Build {
	info, _ := debug.ReadBuildInfo()
	b := buildOf(info)
	return metrics.Build{Version: b.Version, Revision: b.Revision}
}

// openServer opens every door or none.
func openServer(ctx context.Context, sys *system.System, o opening, log logrus.FieldLogger) (*server, error) {
	policy, err := o.policy()
	if err != nil {
		return nil, err
	}
	s := &server{
		sys: sys, log: log, patience: drainTime, stopping: make(chan struct{}), traffic: httpapi.NewTraffic(),
		policy: access.NewShared(policy), audit: &access.SharedAuditor{}, reloader: o.reloader, failed: make(chan error, 1),
	}
	s.audit.Replace(o.audit)
	s.handler = s.requests.counted(httpapi.New(sys, s.options(o)))
	o.connections = s.affordable(o)
	if err := s.openDoors(ctx, o); err != nil {
		s.closeDoors()
		return nil, err
	}
	return s, nil
}

func (s *server) options(o opening) httpapi.Options {
	opts := httpapi.Options{
		Stopping: s.stopping, Report: s.report, Access: s.policy, Audit: s.audit, Traffic: s.traffic,
	}
	var (
		reloads *metrics.Reloads
		lost    *metrics.Lost
	)
	if o.reloader != nil {
		reloads, lost, opts.Reload = o.reloader.metrics, &o.reloader.lost, o.reloader.ask
	}
	opts.Metrics = metrics.Handler(metrics.Registry(s.sys, s.traffic, thisBuild(), reloads, lost))
	return opts
}

func (s *server) report(text string) { s.log.Error(text) }

func (s *server) openDoors(ctx context.Context, o opening) error {
	for _, e := range o.endpoints {
		d, err := s.open(ctx, e, o)
		if err != nil {
			return err
		}
		s.doors = append(s.doors, d)
	}
	return o.inherited.unused()
}

// reserved returns how many of the files that a node may open are kept for other things
// than its doors' connections: those to identity providers, the vault, secrets and sinks,
// and callers who are told that there are too many.
func reserved(files int) int { return min(256, max(24, files/2)) }

// affordable returns how many connections a door can have open.
func (s *server) affordable(o opening) int {
	wanted := cmp.Or(o.connections, httpapi.DefaultConnections)
	files, known := openFiles()
	most := max(1, (files-reserved(files))/max(1, len(o.endpoints)))
	if !known || wanted <= most {
		return wanted
	}
	if most != s.told {
		s.log.WithField("connections", most).Warn("limits.connections is more than the open files that this process may have: fewer are kept")
	}
	s.told = most
	return most
}

// run starts the system and serves until ctx ends or a door fails, then stops
// everything. That ctx ends is no error, not even during the start.
func (s *server) run(ctx context.Context) error {
	reloading, endReloading := context.WithCancel(ctx)
	defer endReloading()
	reloaded := make(chan struct{})
	if err := s.start(ctx); err != nil {
		s.fail(err)
		close(reloaded)
	} else {
		s.serve(s.doors)
		s.tell(daemon.SdNotifyReady)
		go func() {
			defer close(reloaded)
			s.reloader.run(reloading, s)
		}()
	}
	beating, rest := context.WithCancel(context.WithoutCancel(ctx))
	s.serving.Go(func() { s.beat(beating) })
	reason, err := s.wait(ctx)
	endReloading()
	err = errors.Join(err, s.stop(context.WithoutCancel(ctx), reason))
	rest()
	s.serving.Wait()
	_ = awaitBriefly(reloaded)
	return internal(err)
}

// start starts the system and waits for tokens, if it is to.
func (s *server) start(ctx context.Context) error {
	events := s.sys.LastEvent()
	if err := s.sys.Start(ctx); err != nil {
		return unavailable(err) // such as the vault, which another process has open
	}
	if s.startup.Mode != config.StartupWait {
		return nil
	}
	missing, err := awaitTokens(ctx, s.sys, events, s.startup.Timeout)
	if len(missing) > 0 {
		s.log.WithField("services", strings.Join(missing, ", ")).
			Errorf("serving without the tokens of some services: startup.timeout of %s has passed", s.startup.Timeout)
	}
	return err
}

func (s *server) serve(doors []*door) {
	for _, d := range doors {
		s.serving.Go(func() {
			if err := d.server.Serve(d.at.Listener()); !wasClosed(err) {
				s.fail(err)
			}
		})
		s.log.WithField(fieldAddress, d.at.Address()).Info("serving")
	}
}

// fail ends the node. The first reason counts.
func (s *server) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

// wait returns why the node ends, as an error too if it was not told to.
func (s *server) wait(ctx context.Context) (reason, err error) {
	select {
	case <-ctx.Done():
	case err := <-s.failed:
		if unlessStopped(ctx, err) != nil {
			return err, err
		}
	}
	return context.Cause(ctx), nil
}

// stop takes the node out of service in the order in which nobody is surprised.
// First it is no longer ready, which whoever asks is told through doors that stay
// open while requests under way end. Then the system stops and answers whoever
// still waits, and the doors are closed last.
func (s *server) stop(ctx context.Context, reason error) error {
	s.freeze()
	close(s.stopping)
	s.tell(daemon.SdNotifyStopping)
	s.log.WithField("reason", reason).Info("stopping")
	s.drain()
	bound, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	err := s.sys.Stop(bound)
	s.shutdown(ctx)
	s.closeDoors()
	s.log.Info("stopped")
	return err
}

// freeze keeps the doors as they are.
func (s *server) freeze() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
}

// drain waits, at most as long as there is patience, for a moment in which no
// request is under way.
func (s *server) drain() {
	patience := time.NewTimer(s.patience)
	defer patience.Stop()
	select {
	case <-s.requests.ended():
	case <-patience.C:
	}
}

// shutdown closes all doors at once and waits a moment for the last answers to
// leave.
func (s *server) shutdown(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastAnswers)
	defer cancel()
	var closing sync.WaitGroup
	for _, d := range s.doors {
		closing.Go(func() { _ = d.server.Shutdown(ctx) }) // who is left has no more to wait for
	}
	closing.Wait()
}

func (s *server) closeDoors() {
	for _, d := range s.doors {
		d.close()
	}
}

// address writes a listener's address as clients take it.
func address(l net.Listener) string {
	if a := l.Addr(); a.Network() == "unix" {
		return "unix://" + a.String()
	}
	return "http://" + l.Addr().String()
}

// errorLog hands what net/http complains about to the node's log.
func errorLog(to logrus.FieldLogger) *log.Logger { return log.New(complaints{to}, "", 0) }

// handshakeError begins what net/http says of everybody who does not get as far as a
// request. Strangers could fill the log with it, and certificates that are refused
// are in the audit.
const handshakeError = "http: TLS handshake error"

type complaints struct{ log logrus.FieldLogger }

func (c complaints) Write(text []byte) (int, error) {
	said := string(bytes.TrimSpace(text))
	if strings.HasPrefix(said, handshakeError) {
		c.log.Debug(said)
	} else {
		c.log.Warn(said)
	}
	return len(text), nil
}
