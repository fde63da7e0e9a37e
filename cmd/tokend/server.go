package main

import (
	"bytes"
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"tokend/system"
	"tokend/system/httpapi"
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
	stopping atomic.Bool
	doors    []door
}

type door struct {
	listener net.Listener
	server   *http.Server
}

// openServer opens every door or none.
func openServer(ctx context.Context, sys *system.System, endpoints []httpapi.Endpoint, hosts []string, log logrus.FieldLogger) (*server, error) {
	s := &server{sys: sys, log: log, patience: drainTime}
	handler := httpapi.New(sys, httpapi.Options{
		Stopping: s.stopping.Load,
		Report:   func(text string) { log.Error(text) },
	})
	for _, e := range endpoints {
		l, err := httpapi.Listen(ctx, e)
		if err != nil {
			s.closeDoors()
			return nil, err
		}
		s.doors = append(s.doors, door{l, httpapi.NewServer(s.guarded(handler, l, hosts), errorLog(log))})
	}
	return s, nil
}

// guarded lets web pages reach no TCP door.
func (s *server) guarded(handler http.Handler, l net.Listener, hosts []string) http.Handler {
	if l.Addr().Network() == "unix" {
		return handler
	}
	return httpapi.Guard(handler, append([]string{l.Addr().String()}, hosts...))
}

// run starts the system and serves until ctx ends or a door fails, then stops
// everything.
func (s *server) run(ctx context.Context) error {
	if err := s.sys.Start(ctx); err != nil {
		return errors.Join(err, s.stop(context.WithoutCancel(ctx)))
	}
	var (
		serving sync.WaitGroup
		failed  = make(chan error, len(s.doors))
	)
	for _, d := range s.doors {
		serving.Go(func() { failed <- d.server.Serve(d.listener) })
		s.log.WithField(fieldAddress, address(d.listener)).Info("serving")
	}
	var err error
	select {
	case <-ctx.Done():
		s.log.WithField("reason", context.Cause(ctx)).Info("stopping")
	case err = <-failed:
	}
	err = errors.Join(err, s.stop(context.WithoutCancel(ctx)))
	serving.Wait()
	return err
}

// stop takes the node out of service, lets requests under way end, then stops the
// system, which answers whoever still waits.
func (s *server) stop(ctx context.Context) error {
	s.stopping.Store(true)
	s.shutdown(ctx, s.patience)
	bound, cancel := context.WithTimeout(ctx, stopTime)
	defer cancel()
	err := s.sys.Stop(bound)
	s.shutdown(ctx, lastAnswers)
	s.closeDoors()
	s.log.Info("stopped")
	return err
}

// shutdown closes all doors at once and waits, at most for patience, until
// nobody is left inside.
func (s *server) shutdown(ctx context.Context, patience time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var closing sync.WaitGroup
	for _, d := range s.doors {
		closing.Go(func() { _ = d.server.Shutdown(ctx) }) // who is left is told by stop
	}
	closing.Wait()
}

func (s *server) closeDoors() {
	for _, d := range s.doors {
		_ = d.server.Close() // nobody is left to be told
		_ = d.listener.Close()
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

type complaints struct{ log logrus.FieldLogger }

func (c complaints) Write(text []byte) (int, error) {
	c.log.Warn(string(bytes.TrimSpace(text)))
	return len(text), nil
}
