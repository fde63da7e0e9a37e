package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"tokend/config"
	"tokend/system/httpapi"
)

type door struct {
	endpoint httpapi.Endpoint
	at       *httpapi.Door
	listener net.Listener
	server   *http.Server
	given    bool // the service manager has opened it, and goes on listening there
}

// open opens one door, which does not serve yet.
func (s *server) open(ctx context.Context, e httpapi.Endpoint, o opening) (*door, error) {
	_, given := o.inherited[e.Address]
	l, err := o.inherited.listen(ctx, e)
	if err != nil {
		return nil, err
	}
	at, err := httpapi.NewDoor(l, e, httpapi.DoorOptions{
		Hosts: o.hosts, Connections: o.connections, Audit: s.audit, Report: s.report,
	})
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &door{e, at, l, at.Server(s.handler, errorLog(s.log)), given}, nil
}

func (d *door) close() {
	_ = d.server.Close() // nobody is left to be told
	_ = d.listener.Close()
}

// wasClosed reports whether a door has stopped serving because the node has closed it.
func wasClosed(err error) bool {
	return errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed)
}

// doorPlan is what becomes of a server's doors with another configuration. Until it is
// carried out, by tighten and then enter, everything about it can be undone.
type doorPlan struct {
	next     []*door // in the order of the configuration
	opened   []*door // those of next that do not serve yet
	gone     []*door
	opening  opening
	carryOut []func()
	undo     []func()
}

// planDoors opens what is to be opened, and finds out whether the rest can be. The
// error holds all that is wrong, by the path of the listener; nothing has changed then.
func (s *server) planDoors(ctx context.Context, o opening) (*doorPlan, error) {
	o.connections = s.affordable(o)
	p := &doorPlan{next: make([]*door, len(o.endpoints)), gone: slices.Clone(s.doors), opening: o}
	for i, e := range o.endpoints {
		p.next[i] = p.keep(e)
	}
	var errs []error
	for i, e := range o.endpoints {
		path := fmt.Sprintf("listen[%d]", i)
		if p.next[i] != nil {
			errs = append(errs, p.change(p.next[i], e, path, s.report))
		} else {
			errs = append(errs, s.openFor(ctx, p, i, path))
		}
	}
	errs = append(errs, p.missing())
	if err := errors.Join(errs...); err != nil {
		p.abandon()
		return nil, err
	}
	return p, nil
}

// keep returns the door that is at that address already, and is gone no more.
func (p *doorPlan) keep(e httpapi.Endpoint) *door {
	at := slices.IndexFunc(p.gone, func(d *door) bool {
		return d.endpoint.Address == e.Address && d.endpoint.Name == e.Name
	})
	if at < 0 {
		return nil
	}
	kept := p.gone[at]
	p.gone = slices.Delete(p.gone, at, at+1)
	return kept
}

// missing is the error of sockets of the service manager that nothing would be served
// on any more: a start would fail, whoever connects would wait for ever, and the
// address could not be opened again.
func (p *doorPlan) missing() error {
	var errs []error
	for _, d := range p.gone {
		if d.given && !p.opens(d.endpoint.Address) {
			errs = append(errs, fieldError("listen", fmt.Errorf(
				"the service manager has opened %s, which is none of the listen addresses: take it out of the socket unit too, and restart", d.endpoint.Address)))
		}
	}
	return errors.Join(errs...)
}

// opens reports whether the address is one of the configuration.
func (p *doorPlan) opens(address string) bool {
	return slices.ContainsFunc(p.opening.endpoints, func(e httpapi.Endpoint) bool { return e.Address == address })
}

// openFor opens the door that is number i of the plan.
func (s *server) openFor(ctx context.Context, p *doorPlan, i int, path string) error {
	e := p.opening.endpoints[i]
	renamed := slices.ContainsFunc(p.gone, func(d *door) bool { return d.endpoint.Address == e.Address })
	if renamed && !strings.HasSuffix(e.Address, ":0") {
		return fieldError(path+".name", errors.New("cannot be changed while the address is open: that takes a restart"))
	}
	d, err := s.open(ctx, e, p.opening)
	if own := p.inTheWay(e); errors.Is(err, httpapi.ErrPortTaken) && own != "" {
		return fieldError(path, fmt.Errorf("%s is in the way, which this node has open: reload without either first, then with %s", own, e.Address))
	}
	if err != nil {
		return fieldError(path, err)
	}
	p.next[i], p.opened = d, append(p.opened, d)
	p.undo = append(p.undo, d.close)
	return nil
}

// inTheWay returns the address of a door that has e's port still, though it goes; empty
// if there is none.
func (p *doorPlan) inTheWay(e httpapi.Endpoint) string {
	_, port, err := net.SplitHostPort(strings.TrimPrefix(e.Address, "tcp://"))
	for _, d := range p.gone {
		if _, open, e := net.SplitHostPort(d.listener.Addr().String()); err == nil && e == nil && open == port {
			return d.endpoint.Address
		}
	}
	return ""
}

// change prepares a door that stays for another endpoint at its address.
func (p *doorPlan) change(d *door, e httpapi.Endpoint, path string, report func(string)) error {
	before := d.endpoint
	if (before.TLS == nil) != (e.TLS == nil) {
		return fieldError(path+".tls", errors.New("TLS cannot be turned on or off while the address is open: that takes a restart, or another address"))
	}
	if e.TLS != nil && *e.TLS != *before.TLS {
		certificates, err := httpapi.ReadCertificates(*e.TLS, report)
		if err != nil {
			return fieldError(path+".tls", err)
		}
		p.carryOut = append(p.carryOut, func() { d.at.UseCertificates(certificates) })
	}
	if !d.given && (e.Mode != before.Mode || e.Group != before.Group) {
		p.undo = append(p.undo, func() { _ = httpapi.Permit(d.listener, before) }) // it could be so a moment ago
		if err := httpapi.Permit(d.listener, e); err != nil {
			return fieldError(path, err)
		}
	}
	p.carryOut = append(p.carryOut, func() { d.endpoint = e })
	return nil
}

// abandon undoes everything, the last first.
func (p *doorPlan) abandon() {
	for _, undo := range slices.Backward(p.undo) {
		undo()
	}
}

// tighten changes who may come through the doors that stay. It cannot be undone.
func (p *doorPlan) tighten() {
	for _, carryOut := range p.carryOut {
		carryOut()
	}
	for _, d := range p.next {
		d.at.AllowHosts(p.opening.hosts)
		d.at.LimitConnections(p.opening.connections)
	}
}

// enter opens and gives up doors, unless the node stops already. Who is connected to a
// door that stays notices nothing. Connections to one that goes are closed when enter
// returns if nothing is under way on them, unless their other end hangs.
func (s *server) enter(p *doorPlan) {
	for _, quiet := range s.change(p) {
		_ = awaitBriefly(quiet)
	}
}

// change returns, for every door that goes, what is closed when no connection to it
// is idle any more. To close them may take long, and nobody is held up by it here.
func (s *server) change(p *doorPlan) (quiet []<-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		p.abandon()
		return nil
	}
	s.doors = p.next
	s.serve(p.opened)
	for _, d := range p.gone {
		quiet = append(quiet, s.giveUp(d))
	}
	return quiet
}

// giveUp closes a door to whoever comes. Its address is free when giveUp returns, for
// the next configuration may want it back. Requests under way are still answered,
// unless their time is up.
func (s *server) giveUp(d *door) <-chan struct{} {
	s.log.WithField(fieldAddress, d.at.Address()).Info("no longer serving")
	_ = d.listener.Close() // a listener that cannot be closed is none already
	quiet := make(chan struct{})
	s.serving.Go(func() { s.empty(d, quiet) })
	return quiet
}

// empty closes a door for good when its last request has been answered. Connections
// between two requests go first; quiet is closed then.
func (s *server) empty(d *door, quiet chan<- struct{}) {
	d.server.SetKeepAlivesEnabled(false)
	close(quiet)
	ctx, cancel := context.WithTimeout(context.Background(), s.patience)
	defer cancel()
	_ = d.server.Shutdown(ctx) // who is left has had time enough
	d.close()
}

// fieldError returns err as a mistake of the configuration at path.
func fieldError(path string, err error) error {
	return &config.FieldError{Path: path, Message: err.Error()}
}
