package httpapi

import (
	"context"
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
	if h.tokenAtHand(w, r, service, minTTL) {
		return nil
	}
	place, err := h.queueUp(w, service, true)
	if err != nil {
		return err
	}
	defer place.Leave()
	t, err := h.tokenWithin(r.Context(), service, minTTL, wait)
	if err == nil {
		err = h.stillMay(r, service, false)
	}
	if err != nil {
		return err
	}
	h.handedOut(r, t)
	h.writeToken(w, t)
	return nil
}

// tokenAtHand answers with a token that is there already, and reports whether it has.
// The value goes straight to where the answer is written: most requests pass here.
func (h *handler) tokenAtHand(w http.ResponseWriter, r *http.Request, service string, minTTL time.Duration) bool {
	b := h.buffer(usualAnswer)
	defer h.release(b)
	begun := append(*b, beginsToken...)
	out, t, ok := h.keeper.AppendCached(begun, service, minTTL)
	if !ok {
		return false
	}
	*b = out // to be wiped
	h.handedOut(r, t)
	value := out[len(begun):]
	if plainRun(value) < len(value) {
		h.writeToken(w, t.WithValue(messages.NewSecret(string(value))))
		return true
	}
	wire := TokenOf(t, h.now()).at(h.placementOf(service))
	if need := len(out) + wire.size(); cap(out) < need {
		*b = append(make([]byte, 0, need), out...)
		clear(out)
	}
	*b = wire.appendRest(append(*b, '"'))
	write(w, http.StatusOK, jsonType, *b)
	return true
}

// tokenFor returns the service's token, as who asks for nothing special gets it.
func (h *handler) tokenFor(ctx context.Context, service string) (messages.Token, error) {
	return h.tokenWithin(ctx, service, 0, -1)
}

// tokenWithin returns the service's token. A negative wait means the service's own.
func (h *handler) tokenWithin(ctx context.Context, service string, minTTL, wait time.Duration) (messages.Token, error) {
	bound, err := h.timeout(service)
	if err != nil {
		return messages.Token{}, err
	}
	if wait >= 0 {
		bound = wait
	}
	bounded := within(ctx, bound)
	defer bounded.stop()
	return h.keeper.TokenMinTTL(bounded, service, minTTL)
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
	wire := TokenOf(t, h.now()).at(h.placementOf(t.Service))
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
	values, err := parseQuery(raw, tokenParameters...)
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
