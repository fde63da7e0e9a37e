package kill

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// step is a moment in the refresh of a login.
type step int

const (
	beforeSend   step = iota // the server has not seen the request
	beforeAnswer             // it has, and has done nothing about it
	answered                 // it has spent the refresh token, and said nothing
	halfSaid                 // it has said a part of the answer
	said                     // it has said all of it
	durable                  // the file has changed
	published                // the node hands the token out
	someTime                 // none of them: a random moment
	steps
)

func (s step) String() string {
	return [...]string{
		"before the request", "before the answer", "after the answer was made", "in the middle of the answer",
		"after the answer", "after the file has changed", "after the token was handed out", "at random",
	}[s]
}

// strict is a token endpoint that gives a new refresh token with every answer, and
// ends a login when one is used again: also the last one, and also when nobody
// has heard of its successor.
type strict struct {
	*testing.T
	url string

	mu     sync.Mutex
	round  *round // what is to happen; nil: nobody is there, and nothing counts
	logins map[string]*login
	total  int // refresh tokens
	begun  int // logins
}

// login is what came of one login.
type login struct {
	tokens  []string // the last one is good, the others are spent
	revoked bool
}

func newStrict(t *testing.T) *strict {
	t.Helper()
	s := &strict{T: t, logins: map[string]*login{}}
	server := httptest.NewUnstartedServer(s)
	server.Listener = &gatedListener{server.Listener, s}
	server.Config.SetKeepAlivesEnabled(false) // so that each request has a beginning of its own
	server.Start()
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// logIn begins a login of a service and returns its refresh token.
func (s *strict) logIn(service string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &login{}
	s.logins[service] = l
	s.begun++
	return s.issue(service, l)
}

// all returns the refresh tokens of the logins, by service.
func (s *strict) all() map[string][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	tokens := make(map[string][]string, len(s.logins))
	for service, l := range s.logins {
		tokens[service] = slices.Clone(l.tokens)
	}
	return tokens
}

// answers returns how many refreshes went well.
func (s *strict) answers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total - s.begun
}

func (s *strict) issue(service string, l *login) string {
	s.total++
	token := fmt.Sprintf("%s.%s.%d", canary, service, s.total)
	l.tokens = append(l.tokens, token)
	return token
}

// begin makes what comes next a part of the round that start starts.
func (s *strict) begin(start func() *round) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.round = start()
}

// end ends the round.
func (s *strict) end() { s.begin(func() *round { return nil }) }

// current returns the round under way, nil if there is none.
func (s *strict) current() *round {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.round
}

// use spends a refresh token and returns the next, empty if it is refused. What a
// dead node has sent does not count: nothing has seen it in time.
func (s *strict) use(r *round, service, token string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logins[service]
	if s.round != r || l == nil {
		return ""
	}
	if l.revoked || l.tokens[len(l.tokens)-1] != token {
		l.revoked = true
		s.Errorf("%s: a spent refresh token was used, though nothing explains it", service)
		return ""
	}
	return s.issue(service, l)
}

// ServeHTTP answers a refresh, and kills the node where the round says so.
func (s *strict) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r := s.current()
	if r == nil {
		panic(http.ErrAbortHandler)
	}
	service := req.FormValue("client_id")
	if !r.refreshes(service) {
		// Who has logged in anew is tried at once. That must not fall into the step of
		// another login.
		<-r.dead
		panic(http.ErrAbortHandler)
	}
	mine := r.isTurn(beforeAnswer, answered, halfSaid, said, durable)
	if mine && r.step == beforeAnswer {
		r.shoot()
		panic(http.ErrAbortHandler)
	}
	next := s.use(r, service, req.FormValue("refresh_token"))
	if next == "" {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
		return
	}
	if mine && r.step == answered {
		r.shoot()
	}
	text := fmt.Sprintf(`{"access_token":"%s-%s","expires_in":7200,"refresh_token":"%s"}`, canary, next, next)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", fmt.Sprint(len(text)))
	half := len(text) / 2
	_, _ = io.WriteString(w, text[:half])
	if mine && r.step == halfSaid {
		_ = http.NewResponseController(w).Flush()
		r.shoot()
	}
	before := r.fingerprint()
	_, _ = io.WriteString(w, text[half:])
	_ = http.NewResponseController(w).Flush()
	if mine && r.step == durable {
		r.awaitChange(before)
	}
	if mine {
		r.shoot()
	}
}

// gatedListener kills the node where the round says so before its request is read.
type gatedListener struct {
	net.Listener
	strict *strict
}

func (g *gatedListener) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		r := g.strict.current()
		if r == nil || !r.isTurn(beforeSend) {
			return conn, nil
		}
		r.shoot()
		_ = conn.Close()
	}
}
