package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// Header values that are the same for every answer. Sharing the slices saves an
// allocation each; net/http only reads them, and one who appends gets a copy.
var (
	jsonType    = []string{"application/json"}
	problemType = []string{"application/problem+json"}
	noStore     = []string{"no-store"}
	bearer      = []string{"Bearer"}
	noSniff     = []string{"nosniff"}
	sameOrigin  = []string{"same-origin"}
)

// keepFromPages has browsers keep an answer from web pages: none of another site may
// embed it, and no page may take it for a script, a style or an image.
func keepFromPages(header http.Header) {
	header["X-Content-Type-Options"] = noSniff
	header["Cross-Origin-Resource-Policy"] = sameOrigin
}

// write sends an answer whole. The length is given so that HEAD has it and no
// answer is chunked.
func write(w http.ResponseWriter, status int, contentType []string, body []byte) {
	header := w.Header()
	header["Content-Type"] = contentType
	header["Cache-Control"] = noStore
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body) // nobody is left to be told
}

// writeJSON sends a value that holds no secret.
func writeJSON(w http.ResponseWriter, status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	write(w, status, jsonType, body)
	return nil
}

const (
	usualAnswer = 4 << 10
	// maxPooled keeps a few large answers from staying in memory for good.
	maxPooled = 64 << 10
)

// buffer returns an empty buffer with room for size bytes. Growing while secrets
// are written would leave copies behind, so size should suffice.
func (h *handler) buffer(size int) *[]byte {
	if b, ok := h.buffers.Get().(*[]byte); ok && cap(*b) >= size {
		return b
	}
	return new(make([]byte, 0, max(size, usualAnswer)))
}

// release wipes what was written to b and keeps it for the next answer.
func (h *handler) release(b *[]byte) {
	clear(*b)
	*b = (*b)[:0]
	if cap(*b) <= maxPooled {
		h.buffers.Put(b)
	}
}
