package httpapi

import (
	"maps"
	"net/http"
	"slices"

	"tokend/messages"
	"tokend/system/access"
)

// record tells the audit of one thing that was granted, and how it ended.
func (h *handler) record(a *asked, service string, t messages.Token, err error) {
	if !h.audited() {
		return
	}
	r := h.recordOf(a.caller, a.conn, a.verb, service)
	r.Decision, r.Services = access.Granted, a.shown
	r.Fingerprint, r.Generation = t.Fingerprint, t.Generation
	if err != nil {
		r.Code = ProblemOf(err).Code
	}
	h.opts.Audit.Audit(r)
}

// refuse tells the audit of what was not granted.
func (h *handler) refuse(r *http.Request, caller access.Caller, verb access.Verb, service string, err error) {
	if h.opts.Access == nil || !h.audited() {
		return
	}
	rec := h.recordOf(caller, connOf(r), verb, service)
	rec.Decision, rec.Code = access.Refused, ProblemOf(err).Code
	h.opts.Audit.Audit(rec)
}

// recordEach tells the audit of each service that a batch is about.
func (h *handler) recordEach(r *http.Request, tokens map[string]messages.Token, problems map[string]*Problem) {
	a := askedOf(r)
	if a == nil || !h.audited() {
		return
	}
	a.each = true
	for _, name := range slices.Sorted(maps.Keys(tokens)) {
		h.record(a, name, tokens[name], nil)
	}
	for _, name := range slices.Sorted(maps.Keys(problems)) {
		p := problems[name]
		if p.Code == CodeDenied {
			h.refuse(r, a.caller, a.verb, name, p)
			continue
		}
		h.record(a, name, messages.Token{}, p)
	}
}

// recordStream tells the audit of a stream when it begins, for its end may be far:
// of each service that was named.
func (h *handler) recordStream(r *http.Request, services []string) {
	a := askedOf(r)
	if a == nil {
		return
	}
	a.each = true
	if len(services) == 0 {
		services = []string{""}
	}
	for _, name := range services {
		h.record(a, name, messages.Token{}, nil)
	}
}

// recordOf fills in who asks for what. A name that no service can have may be
// anything, a token in the wrong place too, and is left out.
func (h *handler) recordOf(caller access.Caller, c *conn, verb access.Verb, service string) access.Record {
	r := access.Record{Time: h.now().UTC(), Verb: verb.String()}
	r.Client, r.Identity = caller.Name(verb, service)
	if validName(service) {
		r.Service = service
	}
	if c != nil {
		r.From, r.Listener = c.from(), c.door.name
	}
	return r
}
