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
}

// open opens one door, which does not serve yet.
func (s *server) open(ctx context.Context, e httpapi.Endpoint, o opening) (*door, error) {
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
	return &door{e, at, l, at.Server(s.handler, errorLog(s.log))}, nil
}

func (d *door) close() {
	_ = d.server.Close() // nobody is left to be told
	_ = d.listener.Close()
}

// wasClosed reports whether a door has stopped serving because the node has closed it.
func wasClosed(err error) bool {
	return errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed)
}

// doorPlan is what becomes of a server's doors with another configuration. Until it
// is carried out, everything about it can be undone.
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

// openFor opens the door that is number i of the plan.
func (s *server) openFor(ctx context.Context, p *doorPlan, i int, path string) error {
	e := p.opening.endpoints[i]
	renamed := slices.ContainsFunc(p.gone, func(d *door) bool { return d.endpoint.Address == e.Address })
	if renamed && !strings.HasSuffix(e.Address, ":0") {
		return fieldError(path+".name", errors.New("cannot be changed while the address is open: that takes a restart"))
	}
	d, err := s.open(ctx, e, p.opening)
	if err != nil {
		return fieldError(path, err)
	}
	p.next[i], p.opened = d, append(p.opened, d)
	p.undo = append(p.undo, d.close)
	return nil
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
	if e.Mode != before.Mode || e.Group != before.Group {
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

// enter carries the plan out, unless the node stops already. Who is connected to a
// door that stays notices nothing. Connections to one that goes are closed when enter
// returns if nothing is under way on them, unless their other end hangs.
func (s *server) enter(p *doorPlan) {
	for _, quiet := range s.carryOut(p) {
		awaitBriefly(quiet)
	}
}

// carryOut returns, for every door that goes, what is closed when no connection to it
// is idle any more. To close them may take long, and nobody is held up by it here.
func (s *server) carryOut(p *doorPlan) (quiet []<-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		p.abandon()
		return nil
	}
	for _, carryOut := range p.carryOut {
		carryOut()
	}
	for _, d := range p.next {
		d.at.AllowHosts(p.opening.hosts)
		d.at.LimitConnections(p.opening.connections)
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
