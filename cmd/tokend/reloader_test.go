package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"

	"tokend/config"
	"tokend/messages"
	"tokend/system"
	"tokend/system/httpapi"
	"tokend/system/metrics"
)

// reloadedNode is a node in this process whose configuration is changed.
type reloadedNode struct {
	*testing.T
	*reloader
	srv   *server
	dir   string
	flags map[string]any
	given inherited
	heard *logtest.Hook
	ended <-chan error
	stop  context.CancelFunc
}

// startReloading runs a node with that configuration, in which DIR is a directory.
func startReloading(t *testing.T, yaml string, flags map[string]any) *reloadedNode {
	t.Helper()
	n := prepareReloading(t, flags)
	n.begin(yaml)
	return n
}

// prepareReloading returns a node that is yet to begin.
func prepareReloading(t *testing.T, flags map[string]any) *reloadedNode {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there are no Unix sockets")
	}
	t.Cleanup(func() { goleak.VerifyNone(t) })
	dir, err := os.MkdirTemp("", "r") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	n := &reloadedNode{T: t, dir: dir, flags: flags}
	log, heard := logtest.NewNullLogger()
	n.heard = heard
	n.reloader = &reloader{
		load: n.loadFile, file: newConfigFile(n.path()), log: log, stdout: log.Out,
		metrics: metrics.NewReloads(time.Now()), asked: make(chan chan<- outcome), ended: make(chan struct{}),
	}
	return n
}

func (n *reloadedNode) begin(yaml string) {
	n.Helper()
	n.write(yaml)
	n.file.note()
	cfg, err := n.load()
	if err != nil {
		n.Fatal(err)
	}
	sys, err := system.New(cfg, system.WithLogger(n.log))
	if err != nil {
		n.Fatal(err)
	}
	auditor, closeAudit, err := openAudit(cfg, n.stdout, n.log, &n.lost.Audit)
	if err != nil {
		n.Fatal(err)
	}
	n.config, n.closeAudit = cfg, closeAudit
	o := openingOf(cfg)
	o.audit, o.reloader, o.inherited = auditor, n.reloader, n.given
	ctx, cancel := context.WithCancel(n.Context())
	if n.srv, err = openServer(ctx, sys, o, n.log); err != nil {
		n.Fatal(err)
	}
	ended := make(chan error, 1)
	n.stop, n.ended = cancel, ended
	go func() { ended <- n.srv.run(ctx) }()
	n.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			n.Error(err)
		}
		n.closeAudit()
		_ = os.RemoveAll(n.dir)
	})
	n.must() // it runs
}

func (n *reloadedNode) path() string { return filepath.Join(n.dir, "c.yaml") }

func (n *reloadedNode) write(yaml string) {
	n.Helper()
	if err := os.WriteFile(n.path(), []byte(strings.ReplaceAll(yaml, "DIR", n.dir)), 0o600); err != nil {
		n.Fatal(err)
	}
}

func (n *reloadedNode) loadFile() (*config.Config, error) {
	none := config.WithEnviron(func() []string { return nil })
	return config.Load(n.path(), config.WithKinds(), config.WithFlags(n.flags), none)
}

func (n *reloadedNode) must() httpapi.Reloaded {
	n.Helper()
	done, err := n.ask(n.Context())
	if err != nil {
		n.Fatal(err)
	}
	return done
}

// becomes makes that the configuration.
func (n *reloadedNode) becomes(yaml string) httpapi.Reloaded {
	n.Helper()
	n.write(yaml)
	return n.must()
}

// refuses wants the configuration to be refused for exactly these paths.
func (n *reloadedNode) refuses(yaml string, paths ...string) {
	n.Helper()
	before := n.srv.policy.Policy()
	n.write(yaml)
	_, err := n.ask(n.Context())
	unfit, ok := errors.AsType[httpapi.Unfit](err)
	if !ok || len(unfit) != len(paths) {
		n.Fatalf("%q: got %v", paths, err)
	}
	for i, path := range paths {
		if !strings.HasPrefix(unfit[i], path+": ") || !n.logged(logrus.ErrorLevel, unfit[i]) {
			n.Errorf("reason %q, want one of %s, in the log too", unfit[i], path)
		}
	}
	if n.srv.policy.Policy() != before {
		n.Error("another policy is in force")
	}
}

func (n *reloadedNode) logged(level logrus.Level, text string) bool {
	for _, e := range n.heard.AllEntries() {
		if e.Level == level && e.Message == text {
			return true
		}
	}
	return false
}

func (n *reloadedNode) dial(socket string) (net.Conn, error) {
	return new(net.Dialer).DialContext(n.Context(), "unix", filepath.Join(n.dir, socket))
}

// keptConn is a connection that stays open.
type keptConn struct {
	net.Conn
	read *bufio.Reader
}

func (n *reloadedNode) connect(socket string) keptConn {
	n.Helper()
	c, err := n.dial(socket)
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() { _ = c.Close() })
	return keptConn{c, bufio.NewReader(c)}
}

func (c keptConn) get(target string) (int, error) {
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target); err != nil {
		return 0, err
	}
	return c.answer()
}

func (c keptConn) answer() (int, error) {
	resp, err := http.ReadResponse(c.read, nil)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// gets wants that status on the connection.
func (n *reloadedNode) gets(c keptConn, target string, want int) {
	n.Helper()
	if status, err := c.get(target); err != nil || status != want {
		n.Errorf("%s: status %d, error %v, want %d", target, status, err, want)
	}
}

const serviceA = "services: {a: {provider: static, token: abc}}\n"

const oneSocket = "listen: [\"unix://DIR/s\"]\n"

func TestAReloadCountsServices(t *testing.T) {
	n := startReloading(t, oneSocket+"services: {a: {provider: static, token: abc}, b: {provider: static, token: abc}}\n", nil)
	got := n.becomes(oneSocket + "services: {b: {provider: static, token: xyz}, c: {provider: static, token: abc}, d: {provider: static, token: abc}}\n")
	if want := (httpapi.Reloaded{Reloaded: true, Added: 2, Removed: 1, Changed: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := n.must(); got != (httpapi.Reloaded{Reloaded: true}) {
		t.Errorf("without a change: %+v", got)
	}
}

func TestAListenerThatStaysKeepsItsConnections(t *testing.T) {
	n := startReloading(t, "listen: [\"unix://DIR/s\", \"unix://DIR/gone\"]\n"+serviceA, nil)
	kept, gone := n.connect("s"), n.connect("gone")
	n.gets(kept, "/v1/token/a", http.StatusOK)
	n.gets(gone, "/v1/token/a", http.StatusOK)
	n.becomes("listen: [\"unix://DIR/new\", \"unix://DIR/s\"]\nlimits: {connections: 9}\n" + serviceA)
	n.gets(kept, "/v1/token/a", http.StatusOK)
	n.gets(n.connect("new"), "/v1/token/a", http.StatusOK)
	if _, err := gone.get("/v1/token/a"); err == nil {
		t.Error("an idle connection to a listener that is gone stays open")
	}
	if c, err := n.dial("gone"); err == nil {
		_ = c.Close()
		t.Error("a listener that is gone takes connections")
	}
}

func TestAListenerThatIsGoneCanComeBackAtOnce(t *testing.T) {
	n := startReloading(t, oneSocket+serviceA, nil)
	for range 20 {
		n.becomes("listen: [\"unix://DIR/s\", \"unix://DIR/back\"]\n" + serviceA)
		idle := n.connect("back")
		n.gets(idle, "/v1/token/a", http.StatusOK)
		n.becomes(oneSocket + serviceA)
		if _, err := idle.get("/v1/token/a"); err == nil {
			t.Error("a listener that is gone answers on an idle connection")
		}
		if c, err := n.dial("back"); err == nil {
			_ = c.Close()
			t.Error("a listener that is gone takes connections")
		}
	}
}

func TestALoneListenerThatCannotBeOpenedRefusesAll(t *testing.T) {
	n := startReloading(t, oneSocket+serviceA, nil)
	n.refuses("listen: [\"unix://DIR/s\", \"unix://DIR/t\", \"unix://DIR/no/u\"]\nservices: {}\n", "listen[2]")
	n.gets(n.connect("s"), "/v1/token/a", http.StatusOK)
	if _, err := os.Lstat(filepath.Join(n.dir, "t")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a listener of the refused configuration is there: %v", err)
	}
}

func TestAGroupThatThereIsNotIsNamedWithTheRest(t *testing.T) {
	n := startReloading(t, oneSocket+serviceA, nil)
	n.refuses("listen: [{address: \"unix://DIR/s\", group: no-such-group-here}]\nstartup: {mode: wait}\n"+serviceA, "startup.mode", "listen[0].group")
}

func TestTheModeOfASocketChangesInItsPlace(t *testing.T) {
	n := startReloading(t, oneSocket+serviceA, nil)
	kept := n.connect("s")
	mode := func() fs.FileMode {
		info, err := os.Lstat(filepath.Join(n.dir, "s"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	n.becomes("listen: [{address: \"unix://DIR/s\", mode: \"0666\"}]\n" + serviceA)
	if mode() != 0o666 {
		t.Errorf("mode %o", mode())
	}
	n.refuses("listen: [{address: \"unix://DIR/s\", mode: \"0660\"}, \"unix://DIR/no/u\"]\n"+serviceA, "listen[1]")
	if mode() != 0o666 {
		t.Errorf("after a refusal: mode %o", mode())
	}
	n.refuses("listen: [{address: \"unix://DIR/s\", group: there-is-no-such-group}]\n"+serviceA, "listen[0].group")
	o := openingOf(n.config)
	o.endpoints[0].Group = "there-is-no-such-group" // since it was checked
	if _, err := n.srv.planDoors(t.Context(), o); len(config.Errors(err)) != 1 || config.Errors(err)[0].Path != "listen[0]" {
		t.Errorf("error %v", err)
	}
	if mode() != 0o666 {
		t.Errorf("after a refusal of the group: mode %o", mode())
	}
	n.gets(kept, "/v1/token/a", http.StatusOK)
}

func TestWhatTakesARestartIsRefused(t *testing.T) {
	n := startReloading(t, "listen: [\"unix://DIR/s\", \"tcp://127.0.0.1:0\"]\n"+serviceA, nil)
	const listeners = "listen: [\"unix://DIR/s\", \"tcp://127.0.0.1:0\"]\n"
	n.refuses(listeners+"startup: {mode: wait, timeout: 1s}\n"+serviceA, "startup.mode", "startup.timeout")
	n.refuses(listeners+"vault: {memory: plain}\n"+serviceA, "vault.memory")
	n.refuses(listeners+"vault: {path: DIR/v, keys: [\"00000000000000000000000000000000000000000000000000000000000000ff\"]}\n"+serviceA, "vault.path")
	n.refuses("listen: [{address: \"unix://DIR/s\", name: other}]\n"+serviceA, "listen[0].name")
	n.pair("one", 1)
	n.refuses("listen: [\"unix://DIR/s\", {address: \"tcp://127.0.0.1:0\", tls: {cert_file: one.pem, key_file: one.key}}]\n"+serviceA, "listen[1].tls")
	n.becomes(listeners + serviceA)
}

func TestANodeWithAVaultReloadsAgainAndAgain(t *testing.T) {
	vault := func(last string) string {
		return "vault: {path: DIR/v, keys: [\"00000000000000000000000000000000000000000000000000000000000000" + last + "\"]}\n"
	}
	n := startReloading(t, oneSocket+vault("ff")+serviceA, nil)
	for range 2 {
		n.becomes(oneSocket + vault("ff") + "services: {b: {provider: static, token: abc}}\n")
		n.becomes(oneSocket + vault("ff") + serviceA)
	}
	n.refuses(oneSocket+vault("fe")+serviceA, "vault.keys")
	n.refuses(oneSocket+serviceA, "vault.path")
	n.gets(n.connect("s"), "/v1/token/a", http.StatusOK)
}

func TestClientsCountAtOnceOnOpenConnections(t *testing.T) {
	n := startReloading(t, oneSocket+serviceA, nil)
	kept := n.connect("s")
	n.gets(kept, "/v1/token/a", http.StatusOK)
	client := func(verb string) string {
		return fmt.Sprintf("clients: [{name: me, uid: %d, grants: [{services: [a], verbs: [%s]}]}]\n", os.Geteuid(), verb)
	}
	n.becomes(oneSocket + client("info") + serviceA)
	n.gets(kept, "/v1/token/a", http.StatusForbidden)
	n.becomes(oneSocket + client("get") + serviceA)
	n.gets(kept, "/v1/token/a", http.StatusOK)
	before := n.srv.policy.Policy()
	n.becomes(oneSocket + client("get") + "services: {a: {provider: static, token: other}}\n")
	if n.srv.policy.Policy() != before {
		t.Error("rates begin anew though no client has changed")
	}
}

func TestTheAuditMoves(t *testing.T) {
	n := startReloading(t, oneSocket+"audit: {path: DIR/one}\n"+serviceA, nil)
	kept := n.connect("s")
	lines := func(file string) int {
		text, _ := os.ReadFile(filepath.Join(n.dir, file)) // there may be none
		return strings.Count(string(text), `"service":"a"`)
	}
	n.gets(kept, "/v1/token/a", http.StatusOK)
	n.becomes(oneSocket + "audit: {path: DIR/two}\n" + serviceA)
	n.gets(kept, "/v1/token/a", http.StatusOK)
	n.gets(kept, "/v1/token/a", http.StatusOK)
	n.refuses(oneSocket+"audit: {path: DIR/no/three}\n"+serviceA, "audit.path")
	n.becomes(oneSocket + serviceA)
	n.gets(kept, "/v1/token/a", http.StatusOK)
	if lines("one") != 1 || lines("two") != 2 {
		t.Errorf("%d and %d lines", lines("one"), lines("two"))
	}
}

func TestTheLogChangesButNotWhatFlagsSay(t *testing.T) {
	n := startReloading(t, oneSocket+serviceA, map[string]any{"log.format": "json"})
	n.becomes(oneSocket + "log: {level: debug, format: text}\n" + serviceA)
	if _, json := n.log.Formatter.(*logrus.JSONFormatter); n.log.GetLevel() != logrus.DebugLevel || !json {
		t.Errorf("level %s, formatter %T", n.log.GetLevel(), n.log.Formatter)
	}
	n.flags = nil
	n.becomes(oneSocket + "log: {level: warn, format: text}\n" + serviceA)
	if _, text := n.log.Formatter.(*logrus.TextFormatter); n.log.GetLevel() != logrus.WarnLevel || !text {
		t.Errorf("level %s, formatter %T", n.log.GetLevel(), n.log.Formatter)
	}
}

func TestWarningsAreToldWhenTheyAreNew(t *testing.T) {
	n := startReloading(t, oneSocket+serviceA, nil)
	const open = "listen: [{address: \"unix://DIR/s\", mode: \"0666\"}, \"tcp://127.0.0.1:0\"]\n"
	count := func() (told int) {
		for _, e := range n.heard.AllEntries() {
			if e.Level == logrus.WarnLevel {
				told++
			}
		}
		return told
	}
	n.becomes(open + serviceA)
	if count() != 2 {
		t.Errorf("%d warnings", count())
	}
	n.becomes(open + "services: {}\n")
	if count() != 2 {
		t.Errorf("%d warnings", count())
	}
}

func TestANodeThatStopsReloadsNoMore(t *testing.T) {
	n := startReloading(t, oneSocket+serviceA, nil)
	n.stop()
	<-n.reloader.ended
	if _, err := n.ask(context.WithoutCancel(t.Context())); !errors.Is(err, messages.ErrStopped) {
		t.Errorf("error %v", err)
	}
	o := openingOf(n.config)
	o.endpoints = append(o.endpoints, httpapi.Endpoint{Address: "unix://" + n.dir + "/late"})
	n.srv.freeze()
	plan, err := n.srv.planDoors(context.WithoutCancel(t.Context()), o)
	if err != nil {
		t.Fatal(err)
	}
	n.srv.enter(plan)
	if _, err := os.Lstat(filepath.Join(n.dir, "late")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a door is opened late: %v", err)
	}
}
