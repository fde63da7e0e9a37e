package httpapi

import "net/http"

// services answers GET /v1/services.
func (h *handler) services(w http.ResponseWriter, r *http.Request, _ string) error {
	if err := noQuery(r.URL); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, ServicesOf(h.keeper.List()))
}

// service answers GET /v1/services/{service}.
func (h *handler) service(w http.ResponseWriter, r *http.Request, service string) error {
	if err := noQuery(r.URL); err != nil {
		return err
	}
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
func (*handler) health(w http.ResponseWriter, r *http.Request, _ string) error {
	if err := noQuery(r.URL); err != nil {
		return err
	}
	write(w, http.StatusOK, jsonType, []byte(`{"status":"ok"}`))
	return nil
}

// ready answers GET /readyz.
func (h *handler) ready(w http.ResponseWriter, r *http.Request, _ string) error {
	if err := noQuery(r.URL); err != nil {
		return err
	}
	readiness := ReadinessOf(h.keeper.Readiness())
	readiness.Ready = readiness.Ready && !h.opts.Stopping()
	if k, ok := h.keeper.(VaultKeeper); ok {
		if state, kept := k.VaultState(); kept {
			readiness.Vault = vaultOf(state)
		}
	}
	if readiness.Ready {
		return writeJSON(w, http.StatusOK, readiness)
	}
	w.Header().Set("Retry-After", retryAfter(readiness.nextTry(), h.now()))
	return writeJSON(w, http.StatusServiceUnavailable, readiness)
}
