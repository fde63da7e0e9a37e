package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	"go.etcd.io/bbolt"
	"go.uber.org/goleak"

	"tokend/actors/vault"
	"tokend/messages"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const canary = "canary-5a17c3"

// bench is a place for a vault, and what opens it.
type bench struct {
	testing.TB
	path string
	keys []Key
	mem  *vault.Vault
	logs *lines
}

func newBench(t testing.TB) *bench {
	t.Helper()
	mem, err := vault.New(vault.MemorySealed)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{TB: t, path: filepath.Join(t.TempDir(), "v", "vault.db"), keys: []Key{newTestKey(t)}, mem: mem, logs: &lines{}}
}

func newTestKey(t testing.TB) Key {
	t.Helper()
	k, err := ParseKey(NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// lines is what was logged.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (b *bench) options() Options {
	log := logrus.New()
	log.SetOutput(b.logs)
	log.SetLevel(logrus.TraceLevel)
	return Options{Path: b.path, Keys: b.keys, Vault: b.mem, Log: log}
}

func (b *bench) open() *Store {
	b.Helper()
	s, err := Open(b.options())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

func (b *bench) close(s *Store) {
	b.Helper()
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

var birth = time.Date(2030, 1, 2, 3, 4, 5, 600, time.UTC)

func (b *bench) record(service string, revision uint64, token, state string) *vault.Record {
	return &vault.Record{
		Version: vault.RecordVersion, Key: vault.Key{Service: service}, Revision: revision,
		CredentialVersion: 77, Generation: 3, AccessToken: b.box(service, vault.AccessToken, token),
		State: b.box(service, vault.ProviderState, state), Type: "Bearer", ServerType: "JWT", Scopes: []string{"a", "b"},
		CreatedAt: birth, ExpiresAt: birth.Add(time.Hour), RefreshAt: birth.Add(40 * time.Minute),
		WarnAt: birth.Add(50 * time.Minute), Fingerprint: messages.Fingerprint(token), Flight: 9,
		Failure:   &messages.Failure{Class: messages.ClassTransient, Text: "refused", At: birth, Attempts: 2, NextTry: birth.Add(time.Minute)},
		StatedEnd: birth.Add(time.Hour + time.Second), FirmEnd: birth.Add(time.Hour), Asked: 4, Repeated: true,
		Invalidated: true, Suspect: true, ValidFrom: birth.Add(time.Minute),
	}
}

func (b *bench) box(service string, part vault.Part, text string) vault.Sealed {
	return b.mem.Seal(vault.Label{Service: service, Part: part}, messages.NewSecret(text))
}

func (b *bench) load(s *Store, service string) *vault.Record {
	b.Helper()
	rec, err := s.Load(vault.Key{Service: service})
	if err != nil {
		b.Fatal(err)
	}
	return rec
}

// want checks what is kept of a service; an empty token means: nothing.
func (b *bench) want(s *Store, service, token, state string) {
	b.Helper()
	rec := b.load(s, service)
	if rec == nil {
		if token+state != "" {
			b.Errorf("%s: nothing is kept", service)
		}
		return
	}
	if got := reveal(b, rec.AccessToken); got != token {
		b.Errorf("%s: token %q, want %q", service, got, token)
	}
	if got := reveal(b, rec.State); got != state {
		b.Errorf("%s: state %q, want %q", service, got, state)
	}
}

func reveal(t testing.TB, box vault.Sealed) string {
	t.Helper()
	secret, err := box.Open()
	if err != nil {
		t.Fatal(err)
	}
	return secret.Reveal()
}

// plainOf is a record without its boxes, to be compared.
func plainOf(rec vault.Record) vault.Record {
	rec.AccessToken, rec.State = vault.Sealed{}, vault.Sealed{}
	return rec
}

func TestARecordComesBackAsItWas(t *testing.T) {
	b := newBench(t)
	s := b.open()
	rec := b.record("billing", 5, "token", "state")
	s.Save(rec)
	b.want(s, "billing", "token", "state") // not in the file yet
	b.close(s)

	s = b.open()
	if strings.Count(b.logs.String(), "the file is new") != 1 {
		t.Errorf("the log does not say once that the file is new:\n%s", b.logs)
	}
	b.want(s, "billing", "token", "state")
	if diff := cmp.Diff(plainOf(*rec), plainOf(*b.load(s, "billing")), cmp.AllowUnexported(vault.Sealed{}), cmp.Comparer(vault.Sealed.Same)); diff != "" {
		t.Error(diff)
	}
	b.want(s, "erp", "", "")
}

func TestTheTokenThatWaitsComesBackWithItsRecord(t *testing.T) {
	b := newBench(t)
	s := b.open()
	rec := b.record("billing", 5, "token", "state")
	next := b.record("billing", 0, "next", "")
	next.CredentialVersion, next.Generation, next.AdoptAt = 0, 4, birth.Add(5*time.Minute)
	rec.Next = next
	s.Save(rec)
	b.close(s)
	s = b.open()
	b.want(s, "billing", "token", "state")
	got := b.load(s, "billing").Next
	if got == nil || reveal(b, got.AccessToken) != "next" {
		t.Fatalf("%+v", got)
	}
	if diff := cmp.Diff(plainOf(*next), plainOf(*got), cmp.AllowUnexported(vault.Sealed{}), cmp.Comparer(vault.Sealed.Same)); diff != "" {
		t.Error(diff)
	}
}

func TestTheNewestRecordWins(t *testing.T) {
	b := newBench(t)
	s := b.open()
	s.Save(b.record("billing", 5, "new", ""))
	s.Save(b.record("billing", 4, "old", ""))
	b.want(s, "billing", "new", "")
	b.close(s)
	s = b.open()
	s.Save(b.record("billing", 4, "old", ""))
	b.close(s)
	b.want(b.open(), "billing", "new", "")
}

func TestWhatWasForgottenStaysForgotten(t *testing.T) {
	b := newBench(t)
	s := b.open()
	s.Save(b.record("billing", 5, "token", "state"))
	s.Save(b.record("erp", 5, "token", "state"))
	b.close(s)
	s = b.open()
	s.Delete(vault.Key{Service: "billing"})
	s.Delete(vault.Key{Service: "erp"})
	s.Save(b.record("erp", 1, "again", "")) // a service of that name begins anew
	b.want(s, "billing", "", "")
	b.close(s)
	s = b.open()
	b.want(s, "billing", "", "")
	b.want(s, "erp", "again", "")
}

func TestASavedStateIsInTheFileAtOnce(t *testing.T) {
	b := newBench(t)
	s := b.open()
	s.Save(b.record("billing", 1, "token", "old"))
	for service, token := range map[string]string{"billing": "token", "erp": ""} {
		key := vault.Key{Service: service}
		if err := s.SaveState(t.Context(), key, b.box(service, vault.ProviderState, "rotated")); err != nil {
			t.Fatal(err)
		}
		var c content
		err := s.db.View(func(tx *bbolt.Tx) (err error) {
			_, c, err = s.key.unpack(key, tx.Bucket(recordsBucket).Get(place(key)))
			return err
		})
		if err != nil || string(c.State) != "rotated" || string(c.AccessToken) != token {
			t.Errorf("%s: in the file: token %q, state %q, %v", service, c.AccessToken, c.State, err)
		}
	}
}

func TestARecordMadeBeforeASavedStateDoesNotUndoIt(t *testing.T) {
	b := newBench(t)
	s := b.open()
	key, rotated := vault.Key{Service: "billing"}, b.box("billing", vault.ProviderState, "rotated")
	if err := s.SaveState(t.Context(), key, rotated); err != nil {
		t.Fatal(err)
	}
	s.Save(b.record("billing", 2, "token", "old"))
	b.want(s, "billing", "token", "rotated")
	landed := b.record("billing", 3, "next", "")
	landed.State = rotated
	s.Save(landed)
	b.want(s, "billing", "next", "rotated")
	s.Save(b.record("billing", 4, "next", "")) // given up on purpose
	b.close(s)
	b.want(b.open(), "billing", "next", "")
}

func TestRecordsAreWrittenWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		s := b.open()
		defer b.close(s)
		for revision := range uint64(20) { // a stream does not put it off
			s.Save(b.record("billing", revision+1, "token", ""))
			time.Sleep(50 * time.Millisecond)
		}
		synctest.Wait()
		var found bool
		_ = s.db.View(func(tx *bbolt.Tx) error {
			found = tx.Bucket(recordsBucket).Get(place(vault.Key{Service: "billing"})) != nil
			return nil
		})
		if !found {
			t.Error("nothing in the file after a second")
		}
	})
}

func TestABrokenDiskBlocksNobodyAndHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		s, err := open(b.options())
		if err != nil {
			t.Fatal(err)
		}
		var broken atomic.Bool
		s.update = func(f func(*bbolt.Tx) error) error {
			if broken.Load() {
				return errors.New("no space left on device")
			}
			return s.db.Update(f)
		}
		go s.run()
		defer func() { _ = s.Close() }()

		broken.Store(true)
		s.Save(b.record("billing", 1, "token", ""))
		err = s.SaveState(t.Context(), vault.Key{Service: "erp"}, b.box("erp", vault.ProviderState, "rotated"))
		if err == nil || !strings.Contains(err.Error(), "no space") {
			t.Errorf("SaveState: %v", err)
		}
		if h := s.Health(); !h.Degraded || h.Unsaved != 2 || h.Err == nil || h.Since.IsZero() {
			t.Errorf("health %+v", h)
		}
		b.want(s, "billing", "token", "")
		b.want(s, "erp", "", "rotated")

		broken.Store(false)
		time.Sleep(retryMost)
		synctest.Wait()
		if h := s.Health(); h.Degraded || h.Unsaved != 0 || h.Err != nil {
			t.Errorf("health %+v", h)
		}
		b.close(s)
		s = b.open()
		b.want(s, "billing", "token", "")
		b.want(s, "erp", "", "rotated")
		b.close(s)
		for _, text := range []string{"cannot be written", "can be written again"} {
			if strings.Count(b.logs.String(), text) != 1 {
				t.Errorf("%q is not logged once:\n%s", text, b.logs)
			}
		}
	})
}

func TestAHangingDiskCostsACallerNoMoreThanItsPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		s, err := open(b.options())
		if err != nil {
			t.Fatal(err)
		}
		free := make(chan struct{})
		s.update = func(f func(*bbolt.Tx) error) error {
			<-free
			return s.db.Update(f)
		}
		go s.run()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = s.SaveState(ctx, vault.Key{Service: "erp"}, b.box("erp", vault.ProviderState, "rotated"))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("SaveState: %v", err)
		}
		s.Save(b.record("billing", 1, "token", ""))
		b.want(s, "billing", "token", "")
		time.Sleep(slowWrite - time.Second - time.Nanosecond)
		synctest.Wait()
		if h := s.Health(); h.Degraded {
			t.Errorf("before that is slow: %+v", h)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if h := s.Health(); !h.Degraded || !errors.Is(h.Err, errSlow) || time.Since(h.Since) != slowWrite {
			t.Errorf("health %+v", h)
		}
		close(free)
		synctest.Wait()
		if h := s.Health(); h.Degraded || h.Err != nil {
			t.Errorf("health %+v", h)
		}
		for _, text := range []string{"cannot be written", "can be written again"} {
			if strings.Count(b.logs.String(), text) != 1 {
				t.Errorf("%q is not logged once:\n%s", text, b.logs)
			}
		}
		b.close(s)
		s = b.open()
		b.want(s, "erp", "", "rotated")
		b.close(s)
	})
}

func TestARecordThatCannotBeWrittenIsInNobodysWay(t *testing.T) {
	b := newBench(t)
	s := b.open()
	odd := b.record("billing", 1, "token", "state")
	odd.ExpiresAt = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) // JSON has no such year
	s.Save(odd)
	s.Save(b.record("erp", 1, "token", "state"))
	b.close(s)
	if !strings.Contains(b.logs.String(), "cannot be written") || !strings.Contains(b.logs.String(), "service=billing") {
		t.Errorf("the log does not say so:\n%s", b.logs)
	}
	s = b.open()
	b.want(s, "billing", "", "")
	b.want(s, "erp", "token", "state")
	b.close(s)
}

func TestEverythingAtOnceAndAClose(t *testing.T) {
	b := newBench(t)
	s := b.open()
	var users sync.WaitGroup
	begun := make(chan struct{}, 8)
	for n := range 8 {
		users.Go(func() {
			service := fmt.Sprintf("s%d", n%3)
			for revision := uint64(1); ; revision++ {
				s.Save(b.record(service, revision, "token", "state"))
				err := s.SaveState(context.Background(), vault.Key{Service: service}, b.box(service, vault.ProviderState, "rotated"))
				if revision == 1 {
					begun <- struct{}{}
				}
				_, lerr := s.Load(vault.Key{Service: service})
				if n == 0 {
					s.Delete(vault.Key{Service: service})
				}
				if err := errors.Join(err, lerr, s.Each(func(vault.Key) { s.Health() })); errors.Is(err, errClosed) {
					return
				} else if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 8 {
		<-begun
	}
	b.close(s)
	users.Wait()
	s = b.open()
	b.want(s, "s1", "token", "rotated")
	b.close(s)
}

func TestAClosedStoreSaysSo(t *testing.T) {
	b := newBench(t)
	s := b.open()
	b.close(s)
	b.close(s)
	s.Save(b.record("billing", 1, "token", ""))
	s.Delete(vault.Key{Service: "billing"})
	if _, err := s.Load(vault.Key{Service: "billing"}); !errors.Is(err, errClosed) {
		t.Errorf("Load: %v", err)
	}
	if err := s.SaveState(t.Context(), vault.Key{}, vault.Sealed{}); !errors.Is(err, errClosed) {
		t.Errorf("SaveState: %v", err)
	}
}

func TestNoSecretIsInTheFileOrTheLog(t *testing.T) {
	b := newBench(t)
	s := b.open()
	s.Save(b.record("billing", 1, canary, canary))
	if err := s.SaveState(t.Context(), vault.Key{Service: "erp"}, b.box("erp", vault.ProviderState, canary)); err != nil {
		t.Fatal(err)
	}
	b.close(s)
	text, err := os.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte(canary)) || strings.Contains(b.logs.String(), canary) {
		t.Error("a secret lies in the clear")
	}
	if !bytes.Contains(text, []byte("billing")) {
		t.Error("the file has not even the record")
	}
}

// each returns the services that Each tells of.
func (b *bench) each(s *Store) (services []string) {
	b.Helper()
	if err := s.Each(func(key vault.Key) { services = append(services, key.Service) }); err != nil {
		b.Error(err)
	}
	slices.Sort(services)
	return services
}

func TestEachTellsOfWhatIsInTheFileAndOfWhatIsOnItsWay(t *testing.T) {
	b := filled(t) // billing, crm, erp
	s := b.open()
	s.Delete(vault.Key{Service: "crm"})
	s.Save(b.record("erp", 2, "again", ""))
	s.Save(b.record("new", 1, "token", ""))
	if got := b.each(s); !slices.Equal(got, []string{"billing", "erp", "new"}) {
		t.Errorf("on its way: %q", got)
	}
	if err := s.Flush(t.Context()); err != nil || s.Health().Unsaved != 0 {
		t.Errorf("%v, health %+v", err, s.Health())
	}
	if got := b.each(s); !slices.Equal(got, []string{"billing", "erp", "new"}) {
		t.Errorf("in the file: %q", got)
	}
	if err := s.Each(s.Delete); err != nil {
		t.Error(err)
	}
	if got := b.each(s); len(got) > 0 {
		t.Errorf("after all were forgotten: %q", got)
	}
	s.Watch(func(*vault.Record) { t.Error("somebody else has written to the file") })()
	b.close(s)
	if err := errors.Join(s.Each(func(vault.Key) {}), s.Flush(t.Context())); !errors.Is(err, errClosed) {
		t.Errorf("closed: %v", err)
	}
}
