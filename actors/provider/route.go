package provider

import (
	"container/list"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// When a connection takes no new requests.
const (
	maxAge     = 2 * time.Minute  // the name may mean another machine by now
	retirePace = time.Second      // between two retirements for a reason, of one host
	keepRoute  = 10 * time.Minute // what is known of a host that no one asks
	sweepPace  = time.Minute      // between two looks for that
	shareWait  = time.Second      // for a connection that another request makes
)

// routes are the ways to all hosts with one TLS setting. They are an
// http.RoundTripper.
type routes struct {
	of     *Transports
	config *tls.Config

	mu     sync.Mutex // guards all below, and the routes, batches and links in it
	byHost map[string]*route
	idle   *list.List // links that no exchange has, the longest idle first
	swept  moment
	doomed []*link           // to be closed when mu is free
	ended  []*http.Transport // likewise, as far as their connections are idle
}

// route is the way to one host.
type route struct {
	now     *batch // that new requests join; nil: none
	retired moment // when one was last retired for a reason; zero: never
	alone   bool   // its connections carry one request at a time
	used    moment
}

// batch is the connections to a host that are made until it is retired. What speaks
// against one of them speaks against all.
type batch struct {
	of        *routes
	way       *route
	transport *http.Transport

	links  map[*link]bool
	born   moment        // when the first was made; zero: none was
	used   moment        // when an exchange last ended; zero: none did
	flying int           // exchanges under way
	first  chan struct{} // closed when a connection is there, or none will be; nil: none is being made
	over   bool          // no new request joins
}

func newRoutes(of *Transports, config *tls.Config) *routes {
	return &routes{of: of, config: config, byHost: map[string]*route{}, idle: list.New(), swept: thisMoment()}
}

// RoundTrip sends req by the way to its host.
func (r *routes) RoundTrip(req *http.Request) (*http.Response, error) {
	if _, ok := req.Header["User-Agent"]; !ok && r.of.userAgent != "" {
		req = req.Clone(req.Context())
		req.Header.Set("User-Agent", r.of.userAgent)
	}
	b, first := r.enter(req.URL)
	if x := exchangeOf(req.Context()); x != nil {
		x.join(b)
	} else {
		defer b.leave()
	}
	if first != nil {
		await(req.Context(), first)
	}
	return b.transport.RoundTrip(req)
}

// await waits until another request has made a connection that both may use.
func await(ctx context.Context, first <-chan struct{}) {
	timer := time.NewTimer(shareWait)
	defer timer.Stop()
	select {
	case <-first:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// CloseIdleConnections closes connections that no request uses.
func (r *routes) CloseIdleConnections() {
	r.mu.Lock()
	defer r.unlock()
	for _, way := range r.byHost {
		if way.now != nil {
			r.ended = append(r.ended, way.now.transport)
		}
	}
	for at := r.idle.Front(); at != nil; at = at.Next() {
		r.shut(at.Value.(*link))
	}
}

// shut closes a connection that no exchange has. As long as there are exchanges in its
// batch, net/http may have given it to one of them that has not said so yet: then
// net/http, which knows, closes those of the batch that are idle. The routes are locked.
func (r *routes) shut(l *link) {
	if l.batch.flying == 0 {
		r.doomed = append(r.doomed, l)
	} else {
		r.ended = append(r.ended, l.batch.transport)
	}
}

// unlock closes what is to be closed, too.
func (r *routes) unlock() {
	doomed, ended := r.doomed, r.ended
	r.doomed, r.ended = nil, nil
	r.mu.Unlock()
	for _, transport := range ended { // with the words that its protocol has for that
		transport.CloseIdleConnections()
	}
	for _, l := range doomed {
		_ = l.Close()
	}
}

// enter joins the batch of u's host. It returns what to wait for as well, where
// another request is making a connection that both may use.
func (r *routes) enter(u *url.URL) (b *batch, first <-chan struct{}) {
	now := thisMoment()
	r.mu.Lock()
	defer r.unlock()
	way := r.way(u, now)
	if way.now != nil && way.now.stale(now) {
		way.now.end()
	}
	if way.now == nil {
		way.now = &batch{of: r, way: way, links: map[*link]bool{}}
		way.now.transport = r.of.transport(r.config, way.now.dial)
	}
	b = way.now
	b.flying++
	if way.alone || u.Scheme != "https" {
		return b, nil
	}
	if b.first == nil {
		b.first = make(chan struct{})
		return b, nil
	}
	return b, b.first
}

// way returns the route to u's host.
func (r *routes) way(u *url.URL, now moment) *route {
	key := u.Scheme + "://" + hostPort(u)
	r.sweep(now)
	if r.byHost[key] == nil {
		r.byHost[key] = &route{}
	}
	way := r.byHost[key]
	way.used = now
	return way
}

// sweep lets go of what hosts need that no one asks any more.
func (r *routes) sweep(now moment) {
	if r.swept.until(now) < sweepPace {
		return
	}
	r.swept = now
	for key, way := range r.byHost {
		if b := way.now; b != nil && b.flying == 0 && b.stale(now) {
			b.end()
		}
		if way.now == nil && way.used.until(now) >= keepRoute {
			delete(r.byHost, key)
		}
	}
}

// dial makes a connection of the batch, for the exchange that ctx belongs to, if any.
func (b *batch) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := b.of.of.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l := newLink(conn, b)
	if x := exchangeOf(ctx); x != nil {
		x.guard(l)
	}
	return l, nil
}

// stale reports whether no new request is to join, for the age of the batch or
// because its connections cannot be there any more.
func (b *batch) stale(now moment) bool {
	switch {
	case !b.born.at.IsZero() && b.born.until(now) >= maxAge:
		return true
	case b.flying == 0 && !b.used.at.IsZero() && b.used.until(now) > idleTimeout:
		return true
	}
	for l := range b.links {
		if l.forgotten() {
			return true
		}
	}
	return false
}

// retire has new requests use other connections, and closes those of the batch as
// soon as no request has them. What is said about a batch that is retired already is
// known.
func (b *batch) retire() {
	now := thisMoment()
	b.of.mu.Lock()
	defer b.of.unlock()
	if b.over || !b.way.retired.at.IsZero() && b.way.retired.until(now) < retirePace {
		return
	}
	b.way.retired = now
	b.end()
}

// end closes the batch to new requests. The routes are locked.
func (b *batch) end() {
	b.over = true
	if b.way.now == b {
		b.way.now = nil
	}
	b.of.ended = append(b.of.ended, b.transport)
	b.doom()
}

// doom closes the connections that are left when no exchange has any. The routes are
// locked.
func (b *batch) doom() {
	if b.flying > 0 {
		return // the last exchange does
	}
	for l := range b.links {
		b.of.doomed = append(b.of.doomed, l)
	}
}

// connected notes that a request has a connection, and whether it shares it.
func (b *batch) connected(shared bool) {
	b.of.mu.Lock()
	defer b.of.unlock()
	b.way.alone = !shared
	b.open()
}

// open lets requests go on that wait for a connection. If there is none, the next
// request makes one. The routes are locked.
func (b *batch) open() {
	if b.first != nil && !isClosed(b.first) {
		close(b.first)
	}
	if len(b.links) == 0 {
		b.first = nil
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// leave notes that an exchange has ended.
func (b *batch) leave() {
	b.of.mu.Lock()
	defer b.of.unlock()
	b.flying--
	b.used = thisMoment()
	b.open()
	if b.over && b.flying == 0 {
		b.of.ended = append(b.of.ended, b.transport)
		b.doom()
	}
}

func (b *batch) add(l *link) {
	b.of.mu.Lock()
	defer b.of.unlock()
	b.links[l] = true
	if b.born.at.IsZero() {
		b.born = thisMoment()
	}
}

// remove forgets a connection that is closed. Requests that wait make one together.
func (b *batch) remove(l *link) {
	b.of.mu.Lock()
	defer b.of.unlock()
	delete(b.links, l)
	b.of.wake(l)
	if len(b.links) == 0 {
		b.open()
	}
}

func (b *batch) busy(l *link) {
	b.of.mu.Lock()
	defer b.of.unlock()
	l.users++
	b.of.wake(l)
}

// free ends the use of a connection by an exchange.
func (b *batch) free(l *link) {
	b.of.mu.Lock()
	defer b.of.unlock()
	if l.users--; l.users > 0 {
		return
	}
	switch {
	case b.over:
		b.of.shut(l)
	case b.links[l]:
		b.of.rest(l)
	}
}

// rest keeps a connection for later, and so many at most. The routes are locked.
func (r *routes) rest(l *link) {
	l.resting = r.idle.PushBack(l)
	if r.idle.Len() > idleAtAll {
		r.shut(r.idle.Front().Value.(*link))
	}
}

// wake takes a connection out of those that rest. The routes are locked.
func (r *routes) wake(l *link) {
	if l.resting != nil {
		r.idle.Remove(l.resting)
		l.resting = nil
	}
}
