package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"tokend/messages"
)

// Reloaded is the answer of POST /v1/reload: how many services became others, and which
// clients and listeners.
type Reloaded struct {
	Reloaded  bool         `json:"reloaded"`
	Added     int          `json:"added"`
	Removed   int          `json:"removed"`
	Changed   int          `json:"changed"`
	Clients   *Differences `json:"clients,omitempty"`   // by name; nil: they are as before
	Listeners *Differences `json:"listeners,omitempty"` // by address; nil: they are as before
}

// Differences are names of what is new, gone or changed, sorted.
type Differences struct {
	Added   []string `json:"added,omitempty"`
	Removed []string `json:"removed,omitempty"`
	Changed []string `json:"changed,omitempty"`
}

// Unfit is why a configuration is not taken: a text for every mistake in it, without
// secrets.
type Unfit []string

// Error returns the mistakes, as many as fit.
func (u Unfit) Error() string {
	var text strings.Builder
	for i, mistake := range u {
		if i == mostMistakes || text.Len()+len(mistake) > mostMistakeText {
			_, _ = fmt.Fprintf(&text, "; and %d more", len(u)-i)
			break
		}
		if i > 0 {
			text.WriteString("; ")
		}
		text.WriteString(mistake)
	}
	return strings.TrimPrefix(text.String(), "; ")
}

const (
	mostMistakes    = 20
	mostMistakeText = 4096
)

// reload answers POST /v1/reload when the configuration has been read, and is in
// force or was refused. That goes on if the caller leaves.
func (h *handler) reload(w http.ResponseWriter, r *http.Request, _ string) error {
	if h.opts.Reload == nil {
		return noSuchPath()
	}
	if err := readFields(w, r, noFields); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), MaxWait)
	defer cancel()
	done, err := h.opts.Reload(ctx)
	if err != nil {
		return reloadProblem(err)
	}
	return writeJSON(w, http.StatusOK, done)
}

func reloadProblem(err error) error {
	if wrong, ok := errors.AsType[Unfit](err); ok {
		return problem(CodeInvalidRequest, "the configuration is refused, and the one before stays: "+wrong.Error())
	}
	if gaveUp(err) {
		return &messages.Error{Kind: messages.ErrTimeout, Cause: errors.New("the configuration has not been read yet; that goes on")}
	}
	return err
}
