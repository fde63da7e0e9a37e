package system

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"tokend/config"
	"tokend/messages"
)

// shapes are the logins that docs/providers.md has an example of, each with a
// service that wants it so: what it answers to a login, and how it wants the token.
var shapes = map[string]struct {
	login func(w http.ResponseWriter, r *http.Request, password string)
	shown func(r *http.Request) bool // whether a request carries the token as it is wanted
	wrong string                     // class of the failure when the password is wrong
}{
	"Session cookie":                    {sessionCookie, inCookie, messages.ClassMalformed},
	"Form that answers with a redirect": {redirectingForm, inCookie, messages.ClassMalformed},
	"Redirect whatever the password is": {redirectingAnyway, inCookie, messages.ClassRejected},
	"Two-step challenge":                {challenge, inHeader("Authorization", "Bearer "), messages.ClassRejected},
	"Signed app key":                    {signedAppKey, inQuery, messages.ClassRejected},
	"Code and data envelope":            {envelope, inHeader("X-Auth-Token", ""), messages.ClassRejected},
	"Expiry in epoch milliseconds":      {epochMillis, inHeader("Authorization", "Token "), messages.ClassRejected},
}

const shapeToken, shapeSecret = "session-4711", "hush"

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func sessionCookie(w http.ResponseWriter, r *http.Request, password string) {
	if r.URL.Path != "/login" || r.PostFormValue("user") != "probe" || r.PostFormValue("password") != password {
		return // 200, as if nothing was wrong
	}
	http.SetCookie(w, &http.Cookie{Name: "sid", Value: shapeToken, MaxAge: 3600, Path: "/", HttpOnly: true})
}

// redirectingForm sends a browser on to a host that there is not.
func redirectingForm(w http.ResponseWriter, r *http.Request, password string) {
	if r.URL.Path != "/login" || r.PostFormValue("user") != "probe" || r.PostFormValue("password") != password {
		_, _ = io.WriteString(w, "<form>")
		return
	}
	http.SetCookie(w, &http.Cookie{Name: "sid", Value: shapeToken, Path: "/", HttpOnly: true})
	http.Redirect(w, r, "http://portal.invalid/home", http.StatusFound)
}

func redirectingAnyway(w http.ResponseWriter, r *http.Request, password string) {
	if r.URL.Path == "/me" {
		if !inCookie(r) {
			w.WriteHeader(http.StatusUnauthorized)
		}
		return
	}
	session, to := "anonymous", "/login?failed"
	if r.PostFormValue("user") == "probe" && r.PostFormValue("password") == password {
		session, to = shapeToken, "/"
	}
	http.SetCookie(w, &http.Cookie{Name: "sid", Value: session, Path: "/"})
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// challenge holds its two requests together by a cookie, as it has no other way.
func challenge(w http.ResponseWriter, r *http.Request, password string) {
	const given = "c-0815"
	var body struct{ User, Proof string }
	if json.NewDecoder(r.Body).Decode(&body) != nil || body.User != "probe" {
		answerJSON(w, http.StatusOK, map[string]any{"code": 400, "msg": "no user"})
		return
	}
	if r.URL.Path == "/challenge" {
		http.SetCookie(w, &http.Cookie{Name: "flow", Value: "f-1", Path: "/"})
		answerJSON(w, http.StatusOK, map[string]any{"code": 0, "data": map[string]any{"challenge": given}})
		return
	}
	c, err := r.Cookie("flow")
	if err != nil || c.Value != "f-1" || body.Proof != signature(password, given) {
		answerJSON(w, http.StatusOK, map[string]any{"code": 1001, "msg": "wrong proof"})
		return
	}
	answerJSON(w, http.StatusOK, map[string]any{"code": 0, "data": map[string]any{"token": shapeToken, "expire": 3600}})
}

func signature(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	_, _ = mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

func signedAppKey(w http.ResponseWriter, r *http.Request, secret string) {
	if r.ParseForm() != nil {
		return
	}
	var pairs []string
	for name := range r.PostForm {
		if name != "sign" {
			pairs = append(pairs, name+"="+r.PostForm.Get(name))
		}
	}
	slices.Sort(pairs)
	sent, err := strconv.ParseInt(r.PostForm.Get("timestamp"), 10, 64)
	stale := err != nil || time.Since(time.Unix(sent, 0)).Abs() > time.Minute
	want := strings.ToUpper(signature(secret, strings.Join(pairs, "&")))
	if stale || len(pairs) != 3 || len(r.PostForm.Get("nonce")) < 16 || r.PostForm.Get("sign") != want {
		answerJSON(w, http.StatusUnauthorized, map[string]any{"error": "invalid_sign"})
		return
	}
	answerJSON(w, http.StatusOK, map[string]any{"access_token": shapeToken, "expires_in": 3600})
}

func knows(r *http.Request, password string) bool {
	var body struct{ User, Password string }
	return json.NewDecoder(r.Body).Decode(&body) == nil && body.User == "probe" && body.Password == password
}

func envelope(w http.ResponseWriter, r *http.Request, password string) {
	if r.Header.Get("X-App") != "probe" || !knows(r, password) {
		answerJSON(w, http.StatusOK, map[string]any{"code": 1001, "msg": "wrong password"})
		return
	}
	answerJSON(w, http.StatusOK, map[string]any{"code": 0, "msg": "ok", "data": map[string]any{"token": shapeToken, "expire": 3600}})
}

func epochMillis(w http.ResponseWriter, r *http.Request, password string) {
	if !knows(r, password) {
		answerJSON(w, http.StatusUnauthorized, map[string]any{})
		return
	}
	answerJSON(w, http.StatusOK, map[string]any{"token": shapeToken, "expireTime": time.Now().Add(time.Hour).UnixMilli()})
}

func inCookie(r *http.Request) bool {
	c, err := r.Cookie("sid")
	return err == nil && c.Value == shapeToken && r.Header.Get("Authorization") == ""
}

func inHeader(name, before string) func(r *http.Request) bool {
	return func(r *http.Request) bool { return r.Header.Get(name) == before+shapeToken }
}

func inQuery(r *http.Request) bool {
	return r.URL.Query().Get("access_token") == shapeToken && r.Header.Get("Authorization") == ""
}

// shapeExample returns the example that stands under a title.
func shapeExample(t *testing.T, title string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "providers.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)\n### " + regexp.QuoteMeta(title) + "\n[^`#]*(?:`[^`]+`[^`#]*)*```yaml\n(.*?)```").FindSubmatch(text)
	if m == nil {
		t.Fatalf("no example under %s", title)
	}
	return string(m[1])
}

// shapeSystem starts a system on the example, with the server in place of the
// example's host, and returns it with the service's name.
func shapeSystem(t *testing.T, title string, server *httptest.Server) (*System, string) {
	t.Helper()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`https://[a-z]+\.example`).ReplaceAllString(shapeExample(t, title), server.URL)
	text = regexp.MustCompile(`[a-z]+\.example`).ReplaceAllString(text, u.Host)
	environ := func() []string { return []string{"APP_SECRET=" + shapeSecret} }
	cfg, err := config.Parse([]byte(text), config.WithDir(exampleFiles(t)), config.WithEnviron(environ), config.WithKinds())
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	sys, err := New(cfg, WithLogger(log))
	if err != nil {
		t.Fatal(err)
	}
	if err := sys.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sys.Stop(t.Context()) })
	for name := range cfg.Services {
		return sys, name
	}
	t.Fatal("no service")
	return nil, ""
}

func TestTheExamplesOfLoginsWork(t *testing.T) {
	for title, shape := range shapes {
		t.Run(title, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/api" {
					shape.login(w, r, shapeSecret)
				} else if !shape.shown(r) {
					w.WriteHeader(http.StatusForbidden)
				}
			}))
			t.Cleanup(server.Close)
			sys, name := shapeSystem(t, title, server)
			tok, err := sys.Token(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			// Where a time comes back, the Date that it is compared with lacks a part of a second.
			if life := tok.ExpiresAt.Sub(tok.CreatedAt); tok.Value() != shapeToken || life < 50*time.Minute || life > time.Hour+time.Second {
				t.Errorf("lives for %s", life)
			}
			base := &http.Transport{}
			t.Cleanup(base.CloseIdleConnections)
			resp, err := (&http.Client{Transport: sys.Transport(name, base)}).Get(server.URL + "/api")
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Error("the token did not arrive where the service looks for it")
			}
		})
	}
}

func TestTheExamplesOfLoginsAreRefusedWithAnotherSecret(t *testing.T) {
	for title, shape := range shapes {
		t.Run(title, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				shape.login(w, r, "another")
			}))
			t.Cleanup(server.Close)
			sys, name := shapeSystem(t, title, server)
			_, err := sys.Token(t.Context(), name)
			e, ok := errors.AsType[*messages.Error](err)
			if !ok || e.Class != shape.wrong || strings.Contains(fmt.Sprintf("%v %v", err, e.Cause), shapeSecret) {
				t.Errorf("got %v", err)
			}
		})
	}
}
