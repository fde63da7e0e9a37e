package httpapi

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"

	"tokend/messages"
	"tokend/system/access"
)

const maxNames = 1000

// batch is the body of POST /v1/tokens.
type batch struct {
	services []string
	minTTL   time.Duration
}

// tokens answers POST /v1/tokens.
func (h *handler) tokens(w http.ResponseWriter, r *http.Request, _ string) error {
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	asked, err := parseBatch(body)
	if err != nil {
		return err
	}
	tokens, problems := h.ask(w, r, asked)
	h.recordEach(r, tokens, problems)
	return h.writeBatch(w, tokens, problems)
}

// ask gets the tokens, waiting as long as the slowest of the services may take.
// Names that cannot be anybody's do not trouble the keeper.
func (h *handler) ask(w http.ResponseWriter, r *http.Request, asked batch) (map[string]messages.Token, map[string]*Problem) {
	var (
		known    []string
		bound    time.Duration
		problems = map[string]*Problem{}
	)
	for _, name := range asked.services {
		if !h.may(r, access.Get, name) {
			problems[name] = seen(denied(name), r, nil)
			continue
		}
		timeout, err := h.timeout(name)
		if err == nil {
			var place access.Place
			place, err = h.queueUp(w, name, true)
			defer place.Leave()
		}
		if err != nil {
			problems[name] = ProblemOf(err)
			continue
		}
		known, bound = append(known, name), max(bound, timeout)
	}
	if len(known) == 0 {
		return nil, problems
	}
	ctx, cancel := context.WithTimeout(r.Context(), bound)
	defer cancel()
	tokens, errs := h.keeper.TokensByName(ctx, asked.minTTL, known...)
	for name, err := range errs {
		problems[name] = ProblemOf(err)
	}
	for name := range tokens {
		if !h.may(r, access.Get, name) { // no more
			delete(tokens, name)
			problems[name] = seen(denied(name), r, nil)
		}
	}
	return tokens, problems
}

// writeBatch writes both maps in the order of their names, so that the same
// answer always has the same bytes.
func (h *handler) writeBatch(w http.ResponseWriter, tokens map[string]messages.Token, problems map[string]*Problem) error {
	failed, err := json.Marshal(problems)
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(tokens))
	wire, size := make([]Token, len(names)), len(failed)+64
	now := h.now()
	for i, name := range names {
		wire[i] = TokenOf(tokens[name], now).at(h.placementOf(name))
		size += wire[i].size() + len(name)
	}
	b := h.buffer(size)
	defer h.release(b)
	*b = append(*b, `{"tokens":{`...)
	for i, name := range names {
		if i > 0 {
			*b = append(*b, ',')
		}
		*b = append(appendString(*b, name), ':')
		*b = wire[i].AppendJSON(*b)
	}
	*b = append(*b, `},"errors":`...)
	*b = append(append(*b, failed...), '}')
	write(w, http.StatusOK, jsonType, *b)
	return nil
}

func parseBatch(body []byte) (batch, error) {
	var asked batch
	const otherwise = `the body must be a JSON object such as {"services":["billing"],"min_ttl":"30s"}`
	if err := parseObject(body, otherwise, asked.field); err != nil {
		return batch{}, err
	}
	return asked, asked.check()
}

func (a *batch) field(name string, dec *json.Decoder) error {
	switch name {
	case "services":
		var names []*string
		if err := dec.Decode(&names); err != nil || slices.Contains(names, nil) {
			return problem(CodeInvalidRequest, "services must be an array of names")
		}
		for _, n := range names {
			a.services = append(a.services, *n)
		}
		return nil
	case "min_ttl":
		text, err := textField(name, dec)
		if err != nil {
			return err
		}
		a.minTTL, err = parseDuration(name, text)
		return err
	default:
		return unknownField(name)
	}
}

// check bounds the number of names and drops repeated ones: the answer has one
// place for each.
func (a *batch) check() error {
	if n := len(a.services); n < 1 || n > maxNames {
		return problem(CodeInvalidRequest, "services must hold 1 to 1000 names")
	}
	slices.Sort(a.services)
	a.services = slices.Compact(a.services)
	return nil
}
