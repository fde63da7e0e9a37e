package httpapi

import "net/http"

// services answers GET /v1/services.
func (h *handler) services(w http.ResponseWriter, _ *http.Request, _ string) error {
	return writeJSON(w, http.StatusOK, ServicesOf(h.keeper.List()))
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

// ready answers GET /readyz.
func (h *handler) ready(w http.ResponseWriter, _ *http.Request, _ string) error {
	readiness := ReadinessOf(h.keeper.Readiness())
	readiness.Ready = readiness.Ready && !h.stopping()
	if readiness.Ready {
		return writeJSON(w, http.StatusOK, readiness)
	}
	w.Header().Set("Retry-After", retryAfter(readiness.nextTry(), h.now()))
	return writeJSON(w, http.StatusServiceUnavailable, readiness)
}
