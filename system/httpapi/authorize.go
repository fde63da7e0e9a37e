package httpapi

import "net/http"

// authorize answers ANY /v1/authorize/{service} for a proxy that asks before it
// passes a request on: with 200 the proxy takes the Authorization header over. It
// understands two refusals only. 403: the request must not go through, now or
// later; 503: there is no token now.
func (h *handler) authorize(w http.ResponseWriter, r *http.Request, service string) error {
	t, err := h.tokenFor(r.Context(), service)
	if err == nil {
		err = h.stillMay(r, service, true)
	}
	if err != nil {
		return refusal(ProblemOf(err))
	}
	value := t.Header()
	if !isFieldValue(value) {
		p := problem(CodeUnavailable, "the token cannot stand in a header")
		p.Service = service
		return p
	}
	h.handedOut(r, t)
	header := w.Header()
	header["Authorization"] = []string{value}
	header["Cache-Control"] = noStore
	header["Content-Length"] = zeroLength
	w.WriteHeader(http.StatusOK)
	return nil
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

// isFieldValue reports whether text can stand in a header as it is (RFC 9110,
// section 5.5, of visible ASCII): net/http would change what cannot.
func isFieldValue(text string) bool {
	if text == "" || text[0] == ' ' || text[len(text)-1] == ' ' {
		return false
	}
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}
