package httpapi

import (
	"net/http"
	"slices"

	"tokend/messages"
	"tokend/system/access"
)

// services answers GET /v1/services.
func (h *handler) services(w http.ResponseWriter, r *http.Request, _ string) error {
	granted := h.keeper.List()
	if h.opts.Access != nil {
		granted = slices.DeleteFunc(slices.Clone(granted), func(i messages.TokenInfo) bool {
			return !h.may(r, access.Info, i.Service)
		})
	}
	showed(r, len(granted))
	return writeJSON(w, http.StatusOK, ServicesOf(granted))
}

// service answers GET /v1/services/{service}.
func (h *handler) service(w http.ResponseWriter, r *http.Request, service string) error {
	if !validName(service) {
		return unknownName()
	}
	info, err := h.keeper.Info(r.Context(), service)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, TokenInfoOf(info))
}

// health answers GET /healthz: whoever gets the answer knows that the process
// serves.
func (*handler) health(w http.ResponseWriter, _ *http.Request, _ string) error {
	write(w, http.StatusOK, jsonType, []byte(`{"status":"ok"}`))
	return nil
}

// ready answers GET /readyz. Services are named to those who may know of them, and
// why the vault does badly is told to those who may know of any.
func (h *handler) ready(w http.ResponseWriter, r *http.Request, _ string) error {
	all := h.keeper.Readiness()
	all.Services = slices.DeleteFunc(slices.Clone(all.Services), func(u messages.Unready) bool {
		return !h.may(r, access.Info, u.Service)
	})
	if len(all.Services) > 0 {
		showed(r, len(all.Services))
	}
	readiness := ReadinessOf(all)
	readiness.Ready = readiness.Ready && !h.stopping()
	if k, ok := h.keeper.(VaultKeeper); ok {
		if state, kept := k.VaultState(); kept {
			if h.opts.Access != nil && !h.callerOf(r).MayAny(access.Info) {
				state.Text = ""
			}
			readiness.Vault = vaultOf(state)
		}
	}
	if readiness.Ready {
		return writeJSON(w, http.StatusOK, readiness)
	}
	w.Header().Set("Retry-After", retryAfter(readiness.nextTry(), h.now()))
	return writeJSON(w, http.StatusServiceUnavailable, readiness)
}
