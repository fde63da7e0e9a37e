package idptest

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Answer is what an [Endpoint] answers a request with. The zero Answer is a new
// token that lives for an hour.
type Answer struct {
	Status      int           // 0: 200
	Body        string        // empty: a token
	ContentType string        // empty: application/json
	Header      http.Header   // besides
	ExpiresIn   time.Duration // of the token; 0: an hour
	Delay       time.Duration // before anything is sent, unless the client leaves
	Cut         bool          // the connection ends in the middle of the body
}

// Asked is what an [Endpoint] was asked.
type Asked struct {
	Path          string
	Authorization string
	Form          url.Values
}

// Endpoint is a token endpoint on loopback. Its methods may be called
// concurrently.
type Endpoint struct {
	URL string // of the token endpoint

	mu      sync.Mutex
	answers []Answer
	asked   []Asked
}

// NewEndpoint starts an endpoint that ends with the test.
func NewEndpoint(t testing.TB) *Endpoint {
	e := &Endpoint{}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	e.URL = server.URL + "/token"
	return e
}

// Play has the next requests answered by answers, one a request; the last one
// answers all that follow.
func (e *Endpoint) Play(answers ...Answer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answers = slices.Clone(answers)
}

// Asked returns what the endpoint was asked so far.
func (e *Endpoint) Asked() []Asked {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.asked)
}

// ServeHTTP answers one request.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "bad form", http.StatusBadRequest)
		return
	}
	answer, number := e.note(r)
	if !pause(r, answer.Delay) {
		return
	}
	maps.Copy(w.Header(), answer.Header)
	answer.write(w, number)
}

func (e *Endpoint) note(r *http.Request) (answer Answer, number int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, Asked{Path: r.URL.Path, Authorization: r.Header.Get("Authorization"), Form: r.PostForm})
	if len(e.answers) > 0 {
		answer = e.answers[0]
	}
	if len(e.answers) > 1 {
		e.answers = e.answers[1:]
	}
	return answer, len(e.asked)
}

// pause reports whether the client is still there after delay.
func pause(r *http.Request, delay time.Duration) bool {
	if delay <= 0 {
		return true
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-r.Context().Done():
		return false
	case <-timer.C:
		return true
	}
}

func (a Answer) write(w http.ResponseWriter, number int) {
	body := a.Body
	if body == "" {
		body = a.token(number)
	}
	contentType := a.ContentType
	if contentType == "" {
		contentType = "application/json"
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(max(a.Status, http.StatusOK))
	if a.Cut {
		body = body[:len(body)/2]
	}
	_, _ = strings.NewReader(body).WriteTo(w)
	if a.Cut {
		panic(http.ErrAbortHandler)
	}
}

func (a Answer) token(number int) string {
	life := a.ExpiresIn
	if life == 0 {
		life = time.Hour
	}
	return fmt.Sprintf(`{"access_token":"%s-%d","token_type":"Bearer","expires_in":%d}`, Canary, number, int(life.Seconds()))
}
