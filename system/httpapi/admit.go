package httpapi

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"

	"tokend/messages"
	"tokend/system/access"
)

// asked is a request that was let in: who makes it, and what the audit is to be
// told when it has been answered.
type asked struct {
	caller access.Caller
	conn   *conn
	verb   access.Verb

	forwarded bool // the Authorization header is not the caller's own

	token messages.Token // that was handed out, if it is one
	shown *int           // how many services were, if it is a list
	each  bool           // the audit was told already
}

type askedKey struct{}

// admit says who makes a request that rt, nil for none, is to answer. It refuses
// what no caller may do: come from a web page, be nobody, ask too often.
func (h *handler) admit(r *http.Request, rt *route) (access.Caller, error) {
	c := connOf(r)
	if c != nil && c.excess {
		h.opts.Traffic.Refused(ReasonConnections)
		return access.Caller{}, problem(CodeUnavailable, "too many connections are open; ask again")
	}
	if c != nil && !c.door.unix {
		if reason, why := c.denial(r); why != "" {
			h.opts.Traffic.Refused(reason)
			return access.Caller{}, problem(CodeDenied, why)
		}
	}
	if h.opts.Access == nil {
		return access.Caller{}, nil
	}
	caller, err := h.identify(r, c, rt != nil && rt.forwarded)
	if rt != nil && rt.open {
		return caller, nil
	}
	if !caller.Allow(h.now) {
		h.opts.Traffic.Refused(ReasonRate)
		return caller, problem(CodeOverloaded, "too many requests of this client")
	}
	if err != nil {
		h.opts.Traffic.Refused(ReasonAccess)
	}
	return caller, err
}

// identify returns who makes r, by what its connection and its key prove. Of a
// request that was forwarded the key is somebody else's.
func (h *handler) identify(r *http.Request, c *conn, forwarded bool) (access.Caller, error) {
	if c == nil {
		return access.Caller{}, problem(CodeDenied, "callers are not known here")
	}
	policy := h.opts.Access.Policy()
	party := c.party(policy, r.TLS, h.now)
	keys := !c.door.unix && !forwarded && policy.HasKeys()
	caller, ok := party.Caller(), true
	if sent, given := r.Header["Authorization"]; keys && given {
		caller, ok = party.WithKey(bearerOf(sent))
	}
	switch {
	case ok && caller.Known():
		return caller, nil
	case keys:
		return caller, problem(CodeUnauthenticated, "a key that is known here is needed, as Authorization: Bearer KEY")
	default:
		return caller, problem(CodeDenied, noClient)
	}
}

// bearerOf returns the key in the Authorization header (RFC 6750, section 2.1), or
// what is none: of two headers it is not guessed which one counts.
func bearerOf(sent []string) string {
	const scheme = "bearer "
	if len(sent) != 1 || len(sent[0]) < len(scheme) || !strings.EqualFold(sent[0][:len(scheme)], scheme) {
		return ""
	}
	return sent[0][len(scheme):]
}

// permit refuses what the caller may not do. It asks nobody whether the service
// exists: the answer is the same for one that does not.
func (h *handler) permit(caller access.Caller, rt *route, service string) error {
	switch {
	case h.opts.Access == nil || rt.open || rt.each:
		return nil
	case service == "" && caller.MayAny(rt.verb), service != "" && caller.May(rt.verb, service):
		return nil
	default:
		h.opts.Traffic.Refused(ReasonAccess)
		return denied(service)
	}
}

// stillMay refuses a caller who was let in, but may not have the token that it has waited
// for any more. Of a request that was forwarded the key is somebody else's.
func (h *handler) stillMay(r *http.Request, service string, forwarded bool) error {
	if c := connOf(r); h.opts.Access == nil || c.counts(h.opts.Access.Policy(), h.now) {
		return nil
	}
	caller, err := h.identify(r, connOf(r), forwarded)
	if err != nil || !caller.May(access.Get, service) { // who is nobody now may nothing
		return denied(service)
	}
	return nil
}

// enter takes the places that a request has until it is answered, and refuses it if its
// client has as many under way as it may. Who waits holds a connection, and so does who
// does not read: of those one client must leave some to others. An open route has no
// place, as its connection may go whoever wants it.
func (h *handler) enter(w *tracked, r *http.Request, rt *route, caller access.Caller) error {
	if h.opts.Access == nil || rt.open {
		return nil
	}
	open, free := connOf(r).door.open, false
	if w.request, free = caller.Enter(access.Requests, open.share(access.Requests)); !free {
		h.opts.Traffic.Refused(ReasonInFlight)
		return problem(CodeOverloaded, "too many requests of this client are under way")
	}
	if !rt.lasting {
		return nil
	}
	if w.stream, free = caller.Enter(access.Streams, open.share(access.Streams)); !free {
		h.opts.Traffic.Refused(ReasonStreams)
		return problem(CodeOverloaded, "too many streams of events of this client are open")
	}
	return nil
}

// denied is what a caller without a grant is told, whether there is such a service
// or not. A name that no service can have may be anything and is not repeated.
func denied(service string) *Problem {
	if !validName(service) {
		return problem(CodeDenied, notGranted)
	}
	p := problem(CodeDenied, service+": "+notGranted)
	p.Service = service
	return p
}

// How the details of refusals end that are about who asks.
const (
	noClient   = "no client of this node"
	notGranted = "not granted to this client"
)

// seen adds to such a refusal as whom the kernel shows the caller: who is at a Unix
// socket cannot look that up. Of a request that was forwarded it would tell the proxy's
// client about the proxy.
func seen(p *Problem, r *http.Request, rt *route) *Problem {
	c := connOf(r)
	if c == nil || c.peer == nil || rt != nil && rt.forwarded || !strings.HasSuffix(p.Detail, noClient) && !strings.HasSuffix(p.Detail, notGranted) {
		return p
	}
	told := *p
	told.Detail += fmt.Sprintf(" (seen as uid %d, gid %d)", c.peer.UID, c.peer.GID)
	return &told
}

// may reports whether whoever makes r may do that with the service. Routes that
// are about several services ask it for each, and those whose answer takes long may
// ask again: another policy counts at once.
func (h *handler) may(r *http.Request, verb access.Verb, service string) bool {
	return h.opts.Access == nil || h.callerOf(r).May(verb, service)
}

// callerOf returns who makes r by what counts now: the policy and the certificate
// that it was let in with may do so no more.
func (h *handler) callerOf(r *http.Request) access.Caller {
	a := askedOf(r)
	if a == nil {
		return access.Caller{}
	}
	if !a.caller.Under(h.opts.Access.Policy()) || a.conn != nil && !a.conn.stands(h.now) {
		a.caller, _ = h.identify(r, a.conn, a.forwarded) // who is nobody now may nothing
	}
	return a.caller
}

// askedOf returns what is known of a request that was let in. It is nil when nobody
// needs that: without access control, and without audit where the route is about
// one service.
func askedOf(r *http.Request) *asked {
	a, _ := r.Context().Value(askedKey{}).(*asked)
	return a
}

// handedOut notes the token that answers r, for the audit.
func (h *handler) handedOut(r *http.Request, t messages.Token) {
	if !h.audited() {
		return
	}
	if a := askedOf(r); a != nil {
		a.token = t
	}
}

// showed notes how many services the answer to r names.
func showed(r *http.Request, n int) {
	if a := askedOf(r); a != nil {
		a.shown = &n
	}
}

// serve answers a request that was let in, and has it recorded.
func (h *handler) serve(w http.ResponseWriter, r *http.Request, rt *route, caller access.Caller, service string) error {
	if h.opts.Access == nil {
		return h.run(w, r, rt, service)
	}
	if service != "" && !h.audited() {
		err := h.run(w, r, rt, service)
		h.countRefusal(err)
		return err
	}
	a := &asked{caller: caller, conn: connOf(r), verb: rt.verb, forwarded: rt.forwarded}
	return h.recorded(w, r.WithContext(context.WithValue(r.Context(), askedKey{}, a)), rt, a, service)
}

// recorded answers and records also if the route panics.
func (h *handler) recorded(w http.ResponseWriter, r *http.Request, rt *route, a *asked, service string) (err error) {
	err = problem(CodeInternal, "internal error")
	defer func() {
		switch {
		case a.each || rt.open && a.shown == nil:
		case h.countRefusal(err):
			h.refuse(r, a.caller, a.verb, cmp.Or(service, ProblemOf(err).Service), err)
		default:
			h.record(a, service, a.token, err)
		}
	}()
	err = h.run(w, r, rt, service)
	return err
}

// countRefusal counts what the route itself has refused, and reports whether it has.
func (h *handler) countRefusal(err error) bool {
	refused := err != nil && ProblemOf(err).Code == CodeDenied
	if refused {
		h.opts.Traffic.Refused(ReasonAccess)
	}
	return refused
}

func (h *handler) run(w http.ResponseWriter, r *http.Request, rt *route, service string) error {
	if rt.open {
		mayBeClosed(connOf(r)) // a stranger must not hold a place by reading slowly
	}
	if r.URL.RawQuery != "" && rt.queryless() {
		if _, err := parseQuery(r.URL.RawQuery); err != nil {
			return err
		}
	}
	return rt.serve(h, w, r, service)
}
