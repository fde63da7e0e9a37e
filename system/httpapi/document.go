package httpapi

import (
	_ "embed"
	"net/http"
	"time"
)

// document describes the door (OpenAPI 3.1).
//
//go:embed openapi.yaml
var document []byte

var yamlType = []string{"application/yaml"} // RFC 9512

// openapi answers GET /v1/openapi.yaml.
func (*handler) openapi(w http.ResponseWriter, _ *http.Request, _ string) error {
	write(w, http.StatusOK, yamlType, document)
	return nil
}

// metrics answers GET /metrics, if there is anything to answer it with.
func (h *handler) metrics(w http.ResponseWriter, r *http.Request, _ string) error {
	if h.opts.Metrics == nil {
		return noSuchPath()
	}
	if !enter(&h.scrapes, maxScrapes) {
		return problem(CodeOverloaded, "others are reading the metrics already")
	}
	defer h.scrapes.Add(-1)
	// Who reads slowly is not to keep the place from others.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writePatience)) // a host's server may have none
	h.opts.Metrics.ServeHTTP(w, r)
	return nil
}

// maxScrapes bounds what the metrics of many services may take of the machine.
const maxScrapes = 2
