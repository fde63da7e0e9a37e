package demo

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// login is an endpoint as many applications have one: a JSON body with a
// password in, a token in an envelope out.
type login struct {
	now      func() time.Time
	password string
	life     time.Duration
	// trouble is how long after handing out a token it hands out no other.
	trouble time.Duration

	mu     sync.Mutex
	issued time.Time
}

const maxRequest = 4 << 10

func (l *login) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var asked struct{ User, Password string }
	body := http.MaxBytesReader(w, r.Body, maxRequest)
	switch err := json.NewDecoder(body).Decode(&asked); {
	case err != nil || !l.knows(asked.Password):
		answer(w, http.StatusOK, map[string]any{"code": 401, "msg": "wrong user or password"})
	case !l.issue():
		answer(w, http.StatusServiceUnavailable, map[string]any{"code": 503, "msg": "closed for lunch, come back later"})
	default:
		answer(w, http.StatusOK, map[string]any{"code": 0, "data": map[string]any{
			"token": rand.Text(), "expire": int(l.life / time.Second),
		}})
	}
}

func (l *login) knows(password string) bool {
	return subtle.ConstantTimeCompare([]byte(password), []byte(l.password)) == 1
}

// issue reports whether a token may be handed out now, and notes that it was.
func (l *login) issue() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if !l.issued.IsZero() && now.Sub(l.issued) < l.trouble {
		return false
	}
	l.issued = now
	return true
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that is gone needs no answer
}
