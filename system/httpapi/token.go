package httpapi

import (
	"net/http"
	"time"

	"tokend/messages"
)

// MaxWait is the longest that a request waits for a token.
const MaxWait = 60 * time.Second

// token answers GET /v1/token/{service}.
func (h *handler) token(w http.ResponseWriter, r *http.Request, service string) error {
	minTTL, wait, err := tokenQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	bound, err := h.timeout(service)
	if err != nil {
		return err
	}
	if wait >= 0 {
		bound = wait
	}
	ctx := within(r.Context(), bound)
	defer ctx.stop()
	t, err := h.keeper.TokenMinTTL(ctx, service, minTTL)
	if err != nil {
		return err
	}
	h.handedOut(r, t)
	h.writeToken(w, t)
	return nil
}

// timeout returns how long a request for service waits unless it says so itself.
func (h *handler) timeout(service string) (time.Duration, error) {
	if !validName(service) {
		return 0, unknownName()
	}
	bound, err := h.keeper.Timeout(service)
	return min(bound, MaxWait), err
}

// unknownName does not repeat the name: it may be anything.
func unknownName() *Problem {
	return problem(CodeUnknownService, "no service can have that name: names are 1 to 63 of a-z, 0-9, '.', '_' and '-', the first a letter or digit")
}

func (h *handler) writeToken(w http.ResponseWriter, t messages.Token) {
	wire := TokenOf(t, h.now())
	b := h.buffer(wire.size())
	defer h.release(b)
	*b = wire.AppendJSON(*b)
	write(w, http.StatusOK, jsonType, *b)
}

// tokenQuery returns the values of min_ttl (0: absent) and wait (negative:
// absent).
func tokenQuery(raw string) (minTTL, wait time.Duration, err error) {
	wait = -1
	if raw == "" {
		return minTTL, wait, nil
	}
	values, err := parseQuery(raw, "min_ttl", "wait")
	if err != nil {
		return 0, 0, err
	}
	if text, ok := values["min_ttl"]; ok {
		if minTTL, err = parseDuration("min_ttl", text); err != nil {
			return 0, 0, err
		}
	}
	if text, ok := values["wait"]; ok {
		wait, err = parseWait(text)
	}
	return minTTL, wait, err
}

func parseWait(text string) (time.Duration, error) {
	wait, err := parseDuration("wait", text)
	if err == nil && wait > MaxWait {
		return 0, problem(CodeInvalidRequest, "wait is at most "+MaxWait.String())
	}
	return wait, err
}
