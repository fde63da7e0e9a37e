package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
)

// refresh answers POST /v1/services/{service}/refresh when the attempt has ended.
// Somebody who leaves meanwhile takes it from nobody: the attempt is the service's.
func (h *handler) refresh(w http.ResponseWriter, r *http.Request, service string) error {
	if err := readFields(w, r, noFields); err != nil {
		return err
	}
	if !validName(service) {
		return unknownName()
	}
	place, err := h.queueUp(w, service, false)
	if err != nil {
		return err
	}
	defer place.Leave()
	ctx, cancel := context.WithTimeout(r.Context(), MaxWait)
	defer cancel()
	if err := h.keeper.Refresh(ctx, service); err != nil {
		return err
	}
	info, err := h.keeper.Info(ctx, service)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, TokenInfoOf(info))
}

// noFields refuses every field.
func noFields(name string, _ *json.Decoder) error { return unknownField(name) }

// Invalidated is the answer of POST /v1/services/{service}/invalidate.
type Invalidated struct {
	Invalidated bool   `json:"invalidated"`
	Reason      string `json:"reason,omitempty"` // why not
}

// invalidate answers POST /v1/services/{service}/invalidate when the acquisition
// that it causes has ended.
func (h *handler) invalidate(w http.ResponseWriter, r *http.Request, service string) error {
	fingerprint := ""
	err := readFields(w, r, func(name string, dec *json.Decoder) (err error) {
		if name != "fingerprint" {
			return unknownField(name)
		}
		fingerprint, err = textField(name, dec)
		return err
	})
	if err != nil {
		return err
	}
	if !validName(service) {
		return unknownName()
	}
	place, err := h.queueUp(w, service, false)
	if err != nil {
		return err
	}
	defer place.Leave()
	ctx, cancel := context.WithTimeout(r.Context(), MaxWait)
	defer cancel()
	answer, err := h.giveUp(ctx, service, fingerprint)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, answer)
}

// giveUp has the keeper invalidate, and say why it does not if it can.
func (h *handler) giveUp(ctx context.Context, service, fingerprint string) (Invalidated, error) {
	k, ok := h.keeper.(ExplainingKeeper)
	if !ok {
		done, err := h.keeper.Invalidate(ctx, service, fingerprint)
		return Invalidated{Invalidated: done}, err
	}
	reason, err := k.InvalidateWhy(ctx, service, fingerprint)
	return Invalidated{Invalidated: reason == "", Reason: reason}, err
}

// textField reads a field that is a text.
func textField(name string, dec *json.Decoder) (string, error) {
	var text *string
	if err := dec.Decode(&text); err != nil || text == nil {
		return "", problem(CodeInvalidRequest, name+" must be a text")
	}
	return *text, nil
}
