package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"

	"tokend/system/httpapi"
)

// manager is the service manager that has started the process, such as systemd. The
// zero manager is none.
type manager struct {
	sockets  func() ([]net.Listener, error) // that it has opened for this process; nil: none
	notify   func(state string) error       // see sd_notify(3); nil: nobody is told
	watchdog time.Duration                  // within which it wants to hear again and again; 0: it does not
}

// under returns the service manager that has started the program.
func (p program) under() (manager, error) {
	if p.manager == nil {
		return manager{}, nil
	}
	return p.manager()
}

// serviceManager returns what the environment says there is, see sd_listen_fds(3),
// sd_notify(3) and sd_watchdog_enabled(3).
func serviceManager() (manager, error) {
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return manager{}, fmt.Errorf("WATCHDOG_USEC or WATCHDOG_PID: %w", err)
	}
	return manager{
		sockets: activation.Listeners,
		notify: func(state string) error {
			_, err := daemon.SdNotify(false, state)
			return err
		},
		watchdog: watchdog,
	}, nil
}

// inherited are listeners that were opened for the process, by the address that a
// configuration has for them.
type inherited map[string]net.Listener

func (m manager) inherit() (inherited, error) {
	if m.sockets == nil {
		return nil, nil
	}
	opened, err := m.sockets()
	if err != nil {
		return nil, err
	}
	all := inherited{}
	for n, l := range opened {
		if l == nil {
			return nil, fmt.Errorf("socket %d of the service manager is none that listens for streams", n)
		}
		all[configured(l.Addr())] = l
	}
	return all, nil
}

// configured writes an address as a configuration does.
func configured(a net.Addr) string {
	if a.Network() == "unix" {
		return "unix://" + a.String()
	}
	return "tcp://" + a.String()
}

// listen takes the socket that was opened for e, or opens one.
func (i inherited) listen(ctx context.Context, e httpapi.Endpoint) (net.Listener, error) {
	l, ok := i[e.Address]
	if !ok {
		return httpapi.Listen(ctx, e)
	}
	delete(i, e.Address)
	if err := e.Validate(); err != nil {
		return nil, errors.Join(fmt.Errorf("listen on %s: %w", e.Address, err), l.Close())
	}
	return l, nil
}

// unused is the error of sockets that nothing is served on: whoever connects would
// wait for ever. They are closed.
func (i inherited) unused() (err error) {
	for address, l := range i {
		err = errors.Join(err, fmt.Errorf("the service manager has opened %s, which is none of the listen addresses", address), l.Close())
	}
	return err
}

// errNotTaken is for a service manager that does not read what it is told.
var errNotTaken = errors.New("it does not read what it is told")

// notifyBriefly notifies the service manager. One that does not read holds no one up.
func (m manager) notifyBriefly(state string) error {
	told := make(chan error, 1)
	go func() { told <- m.notify(state) }()
	patience := time.NewTimer(lastAnswers)
	defer patience.Stop()
	select {
	case err := <-told:
		return err
	case <-patience.C:
		return errNotTaken
	}
}

// tell tells the service manager. That this fails changes nothing but what the
// manager does when it hears nothing.
func (s *server) tell(state string) {
	if s.manager.notify == nil {
		return
	}
	if err := s.manager.notifyBriefly(state); err != nil {
		s.log.WithError(err).Warn("the service manager cannot be told how the node does")
	}
}

// beatsPerWatchdog is how often a node tells in the time after which it would be
// taken for dead: a beat that is late does no harm.
const beatsPerWatchdog = 3

// beat tells the service manager again and again that the node answers and its actors
// do, until ctx ends. Where an answer does not come, nothing is told: that is what a
// watchdog is for. A door that accepts nobody any more ends the node by itself.
func (s *server) beat(ctx context.Context) {
	if s.manager.watchdog <= 0 {
		return
	}
	every := max(s.manager.watchdog/beatsPerWatchdog, time.Millisecond)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if answering(ctx, s.handler) && s.acting(ctx, every) {
			s.tell(daemon.SdNotifyWatchdog)
		}
	}
}

// acting reports whether actors answer in time. Those of a node that stops need not:
// its stop is bounded.
func (s *server) acting(ctx context.Context, patience time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := s.sys.Alive(ctx)
	select {
	case <-s.stopping:
		return true
	default:
		return err == nil
	}
}

// answering has the handler tell readiness, for which it looks at every service.
func answering(ctx context.Context, h http.Handler) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/readyz", http.NoBody)
	if err != nil {
		return false
	}
	answer := &probe{header: http.Header{}}
	h.ServeHTTP(answer, req)
	return answer.status == http.StatusOK || answer.status == http.StatusServiceUnavailable && strings.Contains(answer.start, `"ready"`)
}

// probe keeps of an answer what tells whether it is one.
type probe struct {
	header http.Header
	status int
	start  string
}

func (p *probe) Header() http.Header { return p.header }

func (p *probe) WriteHeader(status int) {
	if p.status == 0 {
		p.status = status
	}
}

func (p *probe) Write(text []byte) (int, error) {
	p.WriteHeader(http.StatusOK)
	if p.start == "" {
		p.start = string(text[:min(len(text), 16)])
	}
	return len(text), nil
}
