package e2e

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const secret = "pass-for-the-tests"

// idp issues tokens and knows which of them live.
type idp struct {
	*httptest.Server
	mu      sync.Mutex
	expires map[string]time.Time
	taken   map[string]bool // tokens that were accepted
	refused int             // requests without a living token
}

func newIdP(t *testing.T) *idp {
	i := &idp{expires: map[string]time.Time{}, taken: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token/{life}", i.issue)
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func (i *idp) issue(w http.ResponseWriter, r *http.Request) {
	life, err := strconv.Atoi(r.PathValue("life"))
	if _, given, _ := r.BasicAuth(); err != nil || given != secret {
		http.Error(w, `{"error":"invalid_client"}`, http.StatusUnauthorized)
		return
	}
	token := rand.Text()
	i.mu.Lock()
	i.expires[token] = time.Now().Add(time.Duration(life) * time.Second)
	i.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":%d}`, token, life)
}

// know makes a token that was not issued live for as long as the test does.
func (i *idp) know(token string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.expires[token] = time.Now().Add(time.Hour)
}

// lives reports whether the token does, without counting.
func (i *idp) lives(token string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return time.Now().Before(i.expires[token])
}

// accept judges the token of a request, and counts.
func (i *idp) accept(token string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !time.Now().Before(i.expires[token]) {
		i.refused++
		return false
	}
	i.taken[token] = true
	return true
}

// revoke ends the life of all tokens that there are.
func (i *idp) revoke() {
	i.mu.Lock()
	defer i.mu.Unlock()
	clear(i.expires)
}

// counts returns how many tokens were accepted, and how many requests refused.
func (i *idp) counts() (taken, refused int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.taken), i.refused
}

// guard lets requests through that bring a living token, as a header or as a
// password.
func (i *idp) guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !bearer {
			_, token, _ = r.BasicAuth()
		}
		if !i.accept(token) {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// upstream is a server that wants a token and answers with text.
func (i *idp) upstream(t *testing.T, text string) *httptest.Server {
	s := httptest.NewServer(i.guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, text)
	})))
	t.Cleanup(s.Close)
	return s
}
