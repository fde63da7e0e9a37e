package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"

	"tokend/messages"
	"tokend/system/access"
)

const (
	// maxBody holds maxNames of the longest names there can be.
	maxBody  = 128 << 10
	maxNames = 1000
)

// batch is the body of POST /v1/tokens.
type batch struct {
	services []string
	minTTL   time.Duration
}

// tokens answers POST /v1/tokens.
func (h *handler) tokens(w http.ResponseWriter, r *http.Request, _ string) error {
	if err := noQuery(r.URL); err != nil {
		return err
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	asked, err := parseBatch(body)
	if err != nil {
		return err
	}
	tokens, problems := h.ask(r, asked)
	h.recordEach(r, tokens, problems)
	return h.writeBatch(w, tokens, problems)
}

// readBody gives the body little time: it is small, and who sends it in drops would
// be in others' way. The wait for tokens has the whole time again.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	deadlines := http.NewResponseController(w)
	_ = deadlines.SetReadDeadline(time.Now().Add(bodyTimeout)) // a host's server may have none
	defer func() { _ = deadlines.SetReadDeadline(time.Now().Add(requestTimeout)) }()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, problem(CodeTooLarge, "the body may have 128 KiB")
	}
	if err != nil {
		return nil, problem(CodeInvalidRequest, "the body did not come whole")
	}
	return body, nil
}

// ask gets the tokens, waiting as long as the slowest of the services may take.
// Names that cannot be anybody's do not trouble the keeper.
func (h *handler) ask(r *http.Request, asked batch) (map[string]messages.Token, map[string]*Problem) {
	var (
		known    []string
		bound    time.Duration
		problems = map[string]*Problem{}
	)
	for _, name := range asked.services {
		if !h.may(r, access.Get, name) {
			problems[name] = denied(name)
			continue
		}
		timeout, err := h.timeout(name)
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
		wire[i] = TokenOf(tokens[name], now)
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

// parseBatch reads the body by hand because encoding/json takes repeated fields,
// fields in another case and null for granted.
func parseBatch(body []byte) (batch, error) {
	var asked batch
	dec := json.NewDecoder(bytes.NewReader(body))
	seen := map[string]bool{}
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return batch{}, problem(CodeInvalidRequest, `the body must be a JSON object such as {"services":["billing"],"min_ttl":"30s"}`)
	}
	for dec.More() {
		name, err := fieldName(dec, seen)
		if err != nil {
			return batch{}, err
		}
		if err := asked.field(name, dec); err != nil {
			return batch{}, err
		}
	}
	if err := end(dec); err != nil {
		return batch{}, err
	}
	return asked, asked.check()
}

func fieldName(dec *json.Decoder, seen map[string]bool) (string, error) {
	t, err := dec.Token()
	name, ok := t.(string)
	if err != nil || !ok {
		return "", notJSON()
	}
	if seen[name] {
		return "", problem(CodeInvalidRequest, "field "+quoted(name)+" is given twice")
	}
	seen[name] = true
	return name, nil
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
		var text *string
		if err := dec.Decode(&text); err != nil || text == nil {
			return problem(CodeInvalidRequest, "min_ttl must be a text such as \"30s\"")
		}
		var err error
		a.minTTL, err = parseDuration("min_ttl", *text)
		return err
	default:
		return problem(CodeInvalidRequest, "unknown field "+quoted(name))
	}
}

// end makes sure that the object is closed and nothing follows it.
func end(dec *json.Decoder) error {
	if _, err := dec.Token(); err != nil {
		return notJSON()
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return problem(CodeInvalidRequest, "something follows the JSON object")
	}
	return nil
}

func notJSON() *Problem { return problem(CodeInvalidRequest, "the body is not JSON") }

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
