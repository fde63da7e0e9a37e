package servers

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"tokend/config"
	"tokend/system"
)

const (
	hundred  = 100              // tokens side by side, half of them JWTs
	lifetime = 12 * time.Second // of each
)

// A server that counts in whole seconds ends tokens up to one second before their
// lifetime is over. None of them is handed out dead, whatever the phase of the second
// that it was asked for at, and although no other can be had.
func TestOIDCProviderTokensAreHandedOutAlive(t *testing.T) {
	if os.Getenv(node) == "" {
		t.Skip("needs oidc-provider and Node: make servers-node")
	}
	var failing atomic.Bool
	w := start(t, false, func(base string, w *world) http.Handler {
		server := oidcProvider(t, lifetime)(base, w)
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" && failing.Load() {
				rw.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			server.ServeHTTP(rw, r)
		})
	})
	sys := w.nodeOf(t, serviceKeys)
	tokens := make([]held, hundred)
	var all sync.WaitGroup
	for i := range tokens {
		all.Go(func() { tokens[i].begin(t, sys, i) })
	}
	all.Wait()
	failing.Store(true)
	for i := range tokens {
		all.Go(func() { tokens[i].follow(t, w, sys) })
	}
	all.Wait()
	wantAlive(t, tokens)
}

// nodeOf runs tokend with a hundred services.
func (w *world) nodeOf(t *testing.T, keys func(i int) string) *system.System {
	t.Helper()
	var text strings.Builder
	text.WriteString("services:\n")
	for i := range hundred {
		fmt.Fprintf(&text, "  s%d: {%s}\n", i, strings.ReplaceAll(keys(i), "BASE", w.URL))
	}
	silent := logrus.New()
	silent.SetOutput(io.Discard)
	sys := must(system.New(must(config.Parse([]byte(text.String()), config.WithDir(w.dir))), system.WithLogger(silent)))
	if err := sys.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sys.Stop(t.Context()) })
	return sys
}

// serviceKeys are those of a service: every other one gets JWTs.
func serviceKeys(i int) string {
	keys := credentials + "client_auth: post, client_id: post, client_secret: '${file:secret}', scopes: [read]"
	if i%2 == 1 {
		keys += ", resource: ['urn:api']"
	}
	return keys
}

// held is one of the tokens.
type held struct {
	service string
	value   string
	ends    time.Time // by tokend
	dies    time.Time // by the server: exp
	last    time.Time // when it was last handed out, at the earliest
	denied  int       // how often the server called it dead after that
}

// begin asks for the token at a phase of the second of its own.
func (h *held) begin(t *testing.T, sys *system.System, i int) {
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(2*time.Second + time.Duration(i)*time.Second/hundred)))
	h.service = fmt.Sprint("s", i)
	token, err := sys.Token(t.Context(), h.service)
	if err != nil {
		t.Error(err)
		return
	}
	h.value, h.ends = token.Value(), token.ExpiresAt
}

// follow asks for the token again and again until it is dead for sure, and shows it
// to the server near its end.
func (h *held) follow(t *testing.T, w *world, sys *system.System) {
	active, exp := w.introspect(t, h.value)
	if h.dies = exp; !active {
		t.Errorf("%s: the server does not know its token", h.service)
		return
	}
	time.Sleep(time.Until(h.dies.Add(-2500 * time.Millisecond)))
	for time.Now().Before(h.dies.Add(time.Second)) {
		asked := time.Now()
		if token, err := sys.Token(t.Context(), h.service); err == nil && token.Value() == h.value {
			h.last = asked
			if active, _ := w.introspect(t, h.value); !active && !asked.Before(h.dies) {
				h.denied++
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	if active, _ := w.introspect(t, h.value); active {
		t.Errorf("%s: the server calls its token alive after exp", h.service)
	}
}

// introspect asks the server about a token (RFC 7662); what a JWT says, it says
// itself.
func (w *world) introspect(t *testing.T, token string) (active bool, exp time.Time) {
	var said struct {
		Active *bool `json:"active"`
		Exp    int64 `json:"exp"`
	}
	if _, payload, ok := strings.Cut(token, "."); ok {
		payload, _, _ = strings.Cut(payload, ".")
		if err := json.Unmarshal(must(base64.RawURLEncoding.DecodeString(payload)), &said); err != nil {
			t.Error(err)
		}
		exp = time.Unix(said.Exp, 0)
		return time.Now().Before(exp), exp
	}
	form := url.Values{"token": {token}, "client_id": {"post"}, "client_secret": {secret}}
	resp, err := w.Client().PostForm(w.URL+"/introspect", form)
	if err != nil {
		t.Error(err)
		return false, time.Time{}
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(&said); err != nil || said.Active == nil {
		t.Errorf("introspection: %s, %v", resp.Status, err)
		return false, time.Time{}
	}
	return *said.Active, time.Unix(said.Exp, 0)
}

// wantAlive expects that no token was handed out dead, and each for as long as it is
// known to live.
func wantAlive(t *testing.T, tokens []held) {
	t.Helper()
	jwts, dead, nearest := 0, 0, time.Hour
	for _, h := range tokens {
		if strings.Contains(h.value, ".") {
			jwts++
		}
		if h.denied > 0 || !h.last.Before(h.dies) {
			dead++
			t.Errorf("%s: handed out %s after its end", h.service, h.last.Sub(h.dies))
		}
		left := h.dies.Sub(h.ends)
		if nearest = min(nearest, left); left < 0 || left > 2*time.Second {
			t.Errorf("%s: ends %s before the server ends it", h.service, left)
		}
	}
	if jwts != hundred/2 {
		t.Errorf("%d JWTs of %d tokens", jwts, hundred)
	}
	t.Logf("%d of %d tokens were handed out dead; the one that ended last ended %s before its server ended it", dead, hundred, nearest)
}
