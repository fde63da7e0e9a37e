package sink

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"tokend/messages"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(helperEnv); path != "" {
		replaceForEver(path)
	}
	goleak.VerifyTestMain(m)
}

// source is a [Source] whose tokens a test sets.
type source struct {
	mu        sync.Mutex
	tokens    map[string]messages.Token
	standings map[string]Standing
	mute      bool // events get lost
	events    []chan messages.Event
	stale     []string
}

func newSource() *source {
	return &source{tokens: map[string]messages.Token{}, standings: map[string]Standing{}}
}

func token(service, value string, expires time.Time) messages.Token {
	t := messages.Token{Service: service, Type: "Bearer", State: messages.StateFresh, Generation: 1, Fingerprint: "f00", ExpiresAt: expires}
	return t.WithValue(messages.NewSecret(value))
}

// Look is that of [Source]. No token lives past its time.
func (s *source) Look(service string) (messages.Token, Standing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tok, standing := s.tokens[service], s.standings[service]
	if standing == Living && !tok.ExpiresAt.IsZero() && !time.Now().Before(tok.ExpiresAt) {
		standing = Dead
	}
	if standing != Living {
		return messages.Token{}, standing
	}
	return tok, standing
}

// Subscribe is that of [Source].
func (s *source) Subscribe(ctx context.Context) <-chan messages.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := make(chan messages.Event, 16)
	s.events = append(s.events, events)
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.events = nil
		close(events)
	})
	return events
}

// Stale is that of [Source].
func (s *source) Stale(service, path string, remains bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = append(s.stale, fmt.Sprint(service, " ", filepath.Base(path), " ", remains))
}

func (s *source) said() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.stale...)
}

// put gives a service a token, and tells so unless events get lost.
func (s *source) put(tok messages.Token) { s.set(tok.Service, tok, Living) }

func (s *source) set(service string, tok messages.Token, standing Standing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[service], s.standings[service] = tok, standing
	for _, events := range s.events {
		if !s.mute {
			events <- &messages.TokenRefreshed{Occurrence: messages.Occurrence{Service: service}}
		}
	}
}

// rig is a Keeper on a [source], with a log that can be read.
type rig struct {
	*testing.T
	*source
	keeper *Keeper
	dir    string
	log    *output
}

// begin makes a Keeper in a bubble; it is stopped when the bubble ends.
func begin(t *testing.T) *rig {
	r := &rig{T: t, source: newSource(), dir: t.TempDir(), log: &output{}}
	r.keeper = r.newKeeper()
	t.Cleanup(r.stop)
	return r
}

func (r *rig) newKeeper() *Keeper {
	log := logrus.New()
	log.SetOutput(r.log)
	log.SetLevel(logrus.DebugLevel)
	return NewKeeper(Options{Source: r.source, Log: log, Now: time.Now})
}

func (r *rig) stop() {
	r.keeper.Halt()
	r.keeper.Wait()
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

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

// sink makes a sink of the service billing in the rig's directory.
func (r *rig) sink(name string, change ...func(*Spec)) *Sink {
	r.Helper()
	spec := Spec{Service: "billing", Path: r.path(name), Format: FormatToken, Mode: 0o600}
	for _, c := range change {
		c(&spec)
	}
	s, err := New(spec, func(string) bool { return true })
	if err != nil {
		r.Fatal(err)
	}
	return s
}

// wait lets d pass, and everything happen that happens by then.
func (r *rig) wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// holds fails the test unless a file holds that; empty: there is no such file.
func (r *rig) holds(name, want string) {
	r.Helper()
	text, err := os.ReadFile(r.path(name))
	if err != nil && !os.IsNotExist(err) || string(text) != want || (want == "") != os.IsNotExist(err) {
		r.Fatalf("%s holds %q (%v), want %q", name, text, err, want)
	}
}

// names returns what lies in the directory.
func (r *rig) names() []string {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		r.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (r *rig) stat() Stat {
	r.Helper()
	stats := r.keeper.Stats()
	if len(stats) != 1 {
		r.Fatalf("%d stats", len(stats))
	}
	return stats[0]
}
