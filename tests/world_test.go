package tests

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"tokend/config"
	"tokend/messages"
	"tokend/system"
	"tokend/tests/fakes/idptest"
)

// billing is the service of tests that need just one.
const billing = "billing"

// setup is what a world is made of; its zero value is one service, billing, with
// nothing set.
type setup struct {
	services map[string]config.Service
	limits   config.Limits
	vault    config.Vault
	options  []system.Option
	deaf     bool // some step hears no context, so that two calls may overlap
}

// world is a system and the identity provider it depends on.
type world struct {
	*testing.T
	idp  *idptest.Script
	sys  *system.System
	cfg  *config.Config
	logs *output
	deaf bool
}

// begin starts a world. When the test ends it is stopped, and it is an error if
// it ever had two acquisitions under way for one service, or wrote a secret.
func begin(t *testing.T, idp *idptest.Script, s setup) *world {
	t.Helper()
	w := prepare(t, idp, s)
	if err := w.sys.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.sys.Stop(context.Background()); err != nil {
			t.Errorf("stop: %v", err)
		}
		if idp.InFlight() > 0 {
			pass(10 * time.Minute) // a step that hears no ctx keeps the bubble open
		}
		w.checkPeace()
	})
	return w
}

// prepare makes a world that has not been started.
func prepare(t *testing.T, idp *idptest.Script, s setup) *world {
	t.Helper()
	if s.services == nil {
		s.services = map[string]config.Service{billing: scripted(config.Settings{})}
	}
	w := &world{T: t, idp: idp, logs: &output{}, deaf: s.deaf}
	w.cfg = &config.Config{Services: s.services, Limits: s.limits, Vault: s.vault}
	log := logrus.New()
	log.SetOutput(w.logs)
	log.SetLevel(logrus.TraceLevel)
	options := append([]system.Option{system.WithLogger(log), system.WithProvider(idptest.Kind, idp.Provider)}, s.options...)
	sys, err := system.New(w.cfg, options...)
	if err != nil {
		t.Fatal(err)
	}
	w.sys = sys
	return w
}

func (w *world) checkPeace() {
	w.Helper()
	if _, one := w.idp.Peak(); one > 1 && !w.deaf {
		w.Errorf("%d acquisitions of one service at once", one)
	}
	if strings.Contains(w.logs.String(), idptest.Canary) {
		w.Errorf("a secret in the log:\n%s", w.logs)
	}
}

// scripted returns a service whose tokens come from an [idptest.Script].
func scripted(settings config.Settings) config.Service {
	return config.Service{Provider: idptest.Kind, Settings: settings}
}

// on returns s with its tokens coming from the given host.
func on(host string, s config.Service) config.Service {
	s.Options = config.NewTree(map[string]any{"host": host})
	return s
}

// output is where a logger writes, and a test reads.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// token returns the service's token, which must be there at once.
func (w *world) token(service string) messages.Token {
	w.Helper()
	var tok messages.Token
	w.atOnce("Token", func() {
		var err error
		if tok, err = w.sys.Token(w.Context(), service); err != nil {
			w.Fatalf("after %v: token of %s: %v", sinceStart(), service, err)
		}
	})
	return tok
}

// refused returns the error that a caller gets, who must get one at once.
func (w *world) refused(service string, kind error) *messages.Error {
	w.Helper()
	var err error
	w.atOnce("Token", func() { _, err = w.sys.Token(w.Context(), service) })
	return wantError(w.T, err, kind)
}

func (w *world) info(service string) messages.TokenInfo {
	w.Helper()
	var info messages.TokenInfo
	w.atOnce("Info", func() {
		var err error
		if info, err = w.sys.Info(w.Context(), service); err != nil {
			w.Fatal(err)
		}
	})
	return info
}

// atOnce fails the test if any time passes in do.
func (w *world) atOnce(what string, do func()) {
	w.Helper()
	start := time.Now()
	do()
	if took := time.Since(start); took != 0 {
		w.Fatalf("after %v: %s took %v", sinceStart(), what, took)
	}
}

// calls fails the test unless the service was asked that often for a token.
func (w *world) calls(service string, want int) {
	w.Helper()
	if got := w.idp.Count(service); got != want {
		w.Fatalf("after %v: %d acquisitions for %s, want %d", sinceStart(), got, service, want)
	}
}

// state fails the test unless the service is in that state.
func (w *world) state(service, want string) {
	w.Helper()
	if got := w.info(service).State; got != want {
		w.Fatalf("after %v: %s is %s, want %s", sinceStart(), service, got, want)
	}
}

// ready fails the test unless that is what readiness says.
func (w *world) ready(want bool) {
	w.Helper()
	if got := w.sys.Readiness(); got.Ready != want {
		w.Fatalf("after %v: ready is %v: %+v", sinceStart(), got.Ready, got.Services)
	}
}

func wantError(t *testing.T, err, kind error) *messages.Error {
	t.Helper()
	var e *messages.Error
	if !errors.Is(err, kind) || !errors.As(err, &e) {
		t.Fatalf("error %v (%T), want %v", err, err, kind)
	}
	return e
}

// refusedAt checks what a caller at that door got. What PerRPCCredentials return
// speaks the RPC library's language, which has a test of its own.
func refusedAt(t *testing.T, door string, err, kind error) {
	t.Helper()
	if door != "PerRPCCredentials" {
		wantError(t, err, kind)
	} else if err == nil {
		t.Fatalf("no error, want %v", kind)
	}
}

// bubbleStart is what every bubble's clock shows at first.
var bubbleStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func sinceStart() time.Duration { return time.Since(bubbleStart) }

// pass lets d pass, and everything happen that happens by then.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func until(moment time.Time)      { pass(time.Until(moment)) }
func justBefore(moment time.Time) { until(moment.Add(-time.Nanosecond)) }

// tape keeps the events of a subscription.
type tape struct {
	mu     sync.Mutex
	events []messages.Event
	closed bool
}

func (w *world) tape(services ...string) *tape {
	tp := &tape{}
	events := w.sys.Subscribe(context.Background(), services...)
	go func() {
		for e := range events {
			tp.add(e)
		}
		tp.end()
	}()
	return tp
}

func (tp *tape) add(e messages.Event) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.events = append(tp.events, e)
}

func (tp *tape) end() {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.closed = true
}

func (tp *tape) ended() bool {
	synctest.Wait()
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return tp.closed
}

func (tp *tape) all() []messages.Event {
	synctest.Wait()
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return slices.Clone(tp.events)
}

// names returns the events' names, in order.
func (tp *tape) names() []string {
	var names []string
	for _, e := range tp.all() {
		names = append(names, e.Name())
	}
	return names
}

// taped returns the events of type E, in order.
func taped[E messages.Event](tp *tape) []E {
	var found []E
	for _, e := range tp.all() {
		if typed, ok := e.(E); ok {
			found = append(found, typed)
		}
	}
	return found
}
