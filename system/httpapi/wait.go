package httpapi

import (
	"net/http"

	"tokend/system/access"
)

// waitShare is how many of all the callers that may wait for one service's token can be
// of one client, so that others can wait too.
func waitShare(all int) int { return max(1, all*3/4) }

// queueUp takes a place among those who wait for the service's token. Where its token is
// what is asked for, and at hand, none is needed.
func (h *handler) queueUp(w http.ResponseWriter, service string, token bool) (access.Place, error) {
	k, bounded := h.keeper.(CrowdedKeeper)
	t, ok := w.(*tracked)
	if h.opts.Access == nil || !bounded || !ok {
		return access.Place{}, nil
	}
	all := k.Waiters(service)
	if all == 0 { // there is no such service, which the answer says
		return access.Place{}, nil
	}
	place, free := t.caller.Wait(service, waitShare(all))
	if free || token && h.atHand(service) {
		return place, nil
	}
	h.opts.Traffic.Refused(ReasonInFlight)
	p := problem(CodeOverloaded, service+": too many requests of this client wait for its token")
	p.Service = service
	return access.Place{}, p
}

// atHand reports whether the service has a token that no one has to wait for.
func (h *handler) atHand(service string) bool {
	b := h.buffer(usualAnswer)
	defer h.release(b)
	out, _, ok := h.keeper.AppendCached(*b, service, 0)
	if ok {
		*b = out // to be wiped
	}
	return ok
}
