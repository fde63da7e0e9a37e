package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tokend": main, "unwrap": unwrap, "child": childMain})
}

// unwrap prints the file that its first argument names, and keeps count in the file
// runs of the directory where it runs.
func unwrap() {
	runs, err := os.OpenFile("runs", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = runs.WriteString("run\n")
	}
	if err == nil {
		err = runs.Close()
	}
	text, e := os.ReadFile(os.Args[1])
	if err = errors.Join(err, e); err != nil {
		fmt.Fprintln(os.Stderr, "unwrap:", err)
		syscall.Exit(3) // at once, too: with coverage, the usual way out warns
	}
	fmt.Print(string(text))
	syscall.Exit(0) // at once: with the race detector, the usual way out takes a second
}

// TestScripts runs the stories in testdata. They have an IdP at $IDP, the same one at
// $SECURE_IDP with a certificate that nobody trusts, a place for a socket at $SOCK, a
// free $PORT, the root of the sources at $REPOSITORY, and commands more:
//
//   - appears FILE: waits for a file that another process writes
//   - certificates: writes some
//   - coreless: wants all that runs in the background to write no core dumps
//   - excerpt DOCUMENT WORD FILE: writes the text of a document in which that word stands
//   - exits CODE COMMAND…: runs a command that must end with that code
//   - hanging: waits until the IdP holds a request
//   - here FILE: has a configuration of deploy look for everything in the story's directory
//   - insist FILE TEXT: sends SIGINT to what runs in the background, and again and again
//     once a file holds a text, until that has ended
//   - lines FILE N: waits until a file has that many different lines
//   - ready ADDR: waits until somebody listens
//   - send SIGNAL, sendfirst SIGNAL, sendlast SIGNAL: sends a signal to what runs in the
//     background, to what was started first or last there
//   - together FILE PART…: writes several files into one
//
// The program "unwrap FILE" prints a file.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		Setup:               setup,
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "ready": ready, "send": send, "insist": insist, "hanging": hanging,
			"coreless": coreless, "certificates": certificates, "together": together,
			"sendlast": sendLast, "lines": differentLines,
			"appears": appears, "excerpt": excerpt, "here": here, "sendfirst": sendFirst,
		},
	})
}

func setup(env *testscript.Env) error {
	dir, err := os.MkdirTemp("", "tokend") // $WORK is too long for a socket
	if err != nil {
		return err
	}
	handler := newIdP()
	idp, secure := httptest.NewServer(handler), httptest.NewUnstartedServer(handler)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // clients do not trust it
	secure.StartTLS()
	env.Defer(func() {
		idp.Close()
		secure.Close()
		_ = os.RemoveAll(dir)
	})
	port, err := freePort()
	if err != nil {
		return err
	}
	env.Values[idpKey{}] = handler
	env.Setenv("GORACE", "atexit_sleep_ms=0") // else every command takes a second
	env.Setenv("PORT", port)
	env.Setenv("IDP", idp.URL)
	env.Setenv("SECURE_IDP", secure.URL)
	env.Setenv("SOCK", filepath.Join(dir, "s"))
	env.Setenv("SECRET", "pass-for-the-tests")
	repository, err := filepath.Abs("../..")
	env.Setenv("REPOSITORY", repository)
	return err
}

// freePort returns a port that was free a moment ago. It is below those that systems
// give to whoever wants any, so that nobody is given it before it is used.
func freePort() (string, error) {
	const lowest, ports, tries = 20_000, 12_000, 100
	var err error
	for range tries {
		port := strconv.Itoa(lowest + rand.N(ports))
		var l net.Listener
		if l, err = new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:"+port); err == nil {
			return port, l.Close()
		}
	}
	return "", err
}

type idpKey struct{}

// testIdP answers at /token with a new token each time, at /brief with
// one of two seconds, at /hang not at all, and at
// the other places as answers says.
type testIdP struct {
	http.ServeMux
	count, hanging atomic.Int64
}

// answers are what comes of a request that is not judged; most are without a usable
// token.
var answers = map[string]struct {
	status int
	body   string
}{
	"/broken":    {http.StatusInternalServerError, ""},
	"/scope":     {http.StatusBadRequest, `{"error":"invalid_scope","error_description":"no scope write, pass-for-the-tests"}`},
	"/page":      {http.StatusOK, "<html>canary: log in</html>"},
	"/text":      {http.StatusOK, "canary"},
	"/busy":      {http.StatusTooManyRequests, ""},
	"/moved":     {http.StatusTemporaryRedirect, ""},
	"/forbidden": {http.StatusForbidden, "canary"},
	"/endless":   {http.StatusOK, `{"access_token":"canary-endless"}`},
	"/rotating":  {http.StatusOK, `{"access_token":"t","expires_in":60,"refresh_token":"canary-next"}`},
	"/login":     {http.StatusOK, `{"code":7,"msg":"no such user","token":""}`},
}

func newIdP() *testIdP {
	idp := &testIdP{}
	idp.HandleFunc("POST /token", idp.token)
	idp.HandleFunc("POST /brief", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token":"brief-%d","token_type":"Bearer","expires_in":2}`, idp.count.Add(1))
	})
	for path, r := range answers {
		idp.HandleFunc("POST "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Location", "https://elsewhere.example/token?key=canary")
			w.WriteHeader(r.status)
			_, _ = fmt.Fprint(w, r.body)
		})
	}
	idp.HandleFunc("POST /hang", func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm() // only then the server notices that the client is gone
		idp.hanging.Add(1)
		<-r.Context().Done()
	})
	return idp
}

func (i *testIdP) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if _, secret, _ := r.BasicAuth(); secret != "pass-for-the-tests" {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprint(w, `{"error":"invalid_client"}`)
		return
	}
	_, _ = fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":3600,"scope":"read"}`, i.count.Add(1))
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// send sends a signal to all that runs in the background.
func send(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "TERM": syscall.SIGTERM}
	if neg || len(args) != 1 || signals[args[0]] == nil {
		ts.Fatalf("usage: send HUP|INT|TERM")
	}
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(signals[args[0]]))
	}
}

// sendLast sends a signal to the last command in the background.
func sendLast(ts *testscript.TestScript, neg bool, args []string) {
	cmds := ts.BackgroundCmds()
	sendOne(ts, neg, args, cmds[len(cmds)-1])
}

// sendFirst sends a signal to the first command in the background.
func sendFirst(ts *testscript.TestScript, neg bool, args []string) {
	sendOne(ts, neg, args, ts.BackgroundCmds()[0])
}

func sendOne(ts *testscript.TestScript, neg bool, args []string, cmd *exec.Cmd) {
	signals := map[string]os.Signal{"HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM}
	if neg || len(args) != 1 || signals[args[0]] == nil {
		ts.Fatalf("usage: sendlast HUP|TERM, sendfirst HUP|TERM")
	}
	ts.Check(cmd.Process.Signal(signals[args[0]]))
}

// differentLines waits until a file has so many different lines.
func differentLines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: lines FILE N")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	until(ts, args[0]+" has not so many lines", func() bool {
		text, _ := os.ReadFile(ts.MkAbs(args[0])) // there is none yet
		all := strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
		slices.Sort(all)
		return len(slices.Compact(all)) >= n
	})
}

// insist sends SIGINT to the first command in the background, and again and again once
// a file holds a text, until it has ended.
func insist(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: insist FILE TEXT")
	}
	process := ts.BackgroundCmds()[0].Process
	ts.Check(process.Signal(os.Interrupt))
	until(ts, args[0]+" does not hold "+args[1], func() bool {
		text, _ := os.ReadFile(ts.MkAbs(args[0])) // there is none yet
		return strings.Contains(string(text), args[1])
	})
	until(ts, "the process does not end", func() bool {
		return errors.Is(process.Signal(os.Interrupt), os.ErrProcessDone)
	})
}

// coreless looks at the limits where there is a place to look.
func coreless(ts *testscript.TestScript, _ bool, _ []string) {
	for _, cmd := range ts.BackgroundCmds() {
		limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", cmd.Process.Pid))
		if errors.Is(err, fs.ErrNotExist) {
			ts.Logf("there is no /proc here")
			return
		}
		ts.Check(err)
		if !regexp.MustCompile(`(?m)^Max core file size +0 +0 `).Match(limits) {
			ts.Fatalf("the limits are\n%s", limits)
		}
	}
}

// hanging waits until the IdP has a request that it does not answer.
func hanging(ts *testscript.TestScript, _ bool, _ []string) {
	idp := ts.Value(idpKey{}).(*testIdP)
	until(ts, "nobody asks the IdP", func() bool { return idp.hanging.Load() > 0 })
}

func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready ADDR")
	}
	network, address, _ := strings.Cut(args[0], "://")
	until(ts, "nobody listens at "+args[0], func() bool {
		conn, err := new(net.Dialer).DialContext(context.Background(), network, address)
		return err == nil && conn.Close() == nil
	})
}

// appears waits for a file that another process writes.
func appears(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: appears FILE")
	}
	until(ts, "there is no "+args[0], func() bool {
		_, err := os.Stat(ts.MkAbs(args[0]))
		return err == nil
	})
}

// until tries again until cond holds. The time only bounds a test that fails.
func until(ts *testscript.TestScript, otherwise string, cond func() bool) {
	tick, end := time.NewTicker(10*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-end:
			ts.Fatalf("%s", otherwise)
		}
	}
}
