package httpapi

import (
	"net/http"
	"slices"

	"tokend/messages"
)

// authorize answers ANY /v1/authorize/{service} for a proxy that asks before it
// passes a request on: with 200 the proxy takes the header over that carries the token.
// It understands two refusals only. 403: the request must not go through, now or
// later; 503: there is no token now.
func (h *handler) authorize(w http.ResponseWriter, r *http.Request, service string) error {
	to := messages.Placement{}
	if p := h.placementOf(service); p != nil {
		to = *p
	}
	if err := expressible(to, service); err != nil {
		return refusal(ProblemOf(err))
	}
	place, err := h.queueUp(w, service, true)
	if err != nil {
		return refusal(ProblemOf(err))
	}
	defer place.Leave()
	t, err := h.tokenFor(r.Context(), service)
	if err == nil {
		err = h.stillMay(r, service, true)
	}
	if err != nil {
		return refusal(ProblemOf(err))
	}
	name, value, err := to.HeaderOf(t)
	if err != nil {
		return refusal(ProblemOf(err))
	}
	h.handedOut(r, t)
	header := w.Header()
	header[name] = []string{value}
	header["Cache-Control"] = noStore
	header["Content-Length"] = zeroLength
	w.WriteHeader(http.StatusOK)
	return nil
}

// own are the headers that mean something in an answer: a token in their place would
// be taken for that, or be lost.
var own = []string{"Cache-Control", "Content-Type", "Content-Encoding", "Cross-Origin-Resource-Policy", "Date", "Location", "Retry-After", "Set-Cookie", "Www-Authenticate", "X-Content-Type-Options"}

// expressible refuses a token that goes where no header of an answer can have it.
func expressible(to messages.Placement, service string) error {
	switch name := to.HeaderName(); {
	case name == "":
		return to.NoHeader(service)
	case slices.Contains(own, name):
		p := problem(CodeDenied, service+": inject puts the token into the header "+name+", which is one of the answer itself: a proxy cannot take it over")
		p.Service = service
		return p
	default:
		return nil
	}
}

var zeroLength = []string{"0"}

// refusal makes one of the two refusals of p.
func refusal(p *Problem) *Problem {
	code := CodeUnavailable
	switch p.Code {
	case CodeDenied, CodeUnauthenticated, CodeUnknownService:
		code = CodeDenied
	}
	said := problem(code, p.Detail)
	said.Service, said.Class, said.Attempts, said.NextTry = p.Service, p.Class, p.Attempts, p.NextTry
	return said
}
