package tests

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tokend/actors/provider"
	"tokend/actors/vault/disk"
	"tokend/config"
	"tokend/messages"
	"tokend/system"
	"tokend/system/httpapi"
	"tokend/tests/fakes/idptest"
)

const (
	aKey       = "6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b"
	anotherKey = "7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c"
)

// kept returns a vault in a file of its own.
func kept(t *testing.T) config.Vault {
	t.Helper()
	return config.Vault{
		Path: filepath.Join(t.TempDir(), "vault", "tokens"),
		Keys: []config.Secret{config.NewSecret(aKey)},
	}
}

// eagerly returns a service that acquires at start.
func eagerly() config.Service { return scripted(config.Settings{Eager: new(true)}) }

func TestAWarmRestartAsksForNothingThatIsNotDue(t *testing.T) {
	const many = 10_000
	synctest.Test(t, func(t *testing.T) {
		idp, s := idptest.New(), setup{services: make(map[string]config.Service, many), vault: kept(t)}
		for i := range many {
			s.services[fmt.Sprintf("s%05d", i)] = eagerly()
		}
		w := begin(t, idp, s)
		pass(time.Minute)
		w.stop()
		pass(time.Minute)

		w = begin(t, idp, s)
		for name := range s.services {
			if tok := w.token(name); tok.Fingerprint != idp.Issued(name)[0].Fingerprint || tok.Generation != 1 {
				t.Fatalf("%s: %s of generation %d", name, tok.Fingerprint, tok.Generation)
			}
		}
		w.ready(true)
		pass(time.Minute)
		if got := len(idp.Order()); got != many {
			t.Errorf("%d acquisitions, want %d", got, many)
		}
	})
}

func TestWhatCameDueMeanwhileIsSpread(t *testing.T) {
	const many = 200
	synctest.Test(t, func(t *testing.T) {
		idp, s := idptest.New(), setup{services: map[string]config.Service{}, vault: kept(t)}
		for i := range many {
			s.services[fmt.Sprintf("s%05d", i)] = eagerly()
		}
		w := begin(t, idp, s)
		pass(time.Minute)
		w.stop()
		pass(50 * time.Minute) // of tokens that live for an hour and are refreshed after 45 minutes

		w = begin(t, idp, s)
		started := time.Now()
		for name := range s.services {
			if name != "s00000" {
				w.token(name)
			}
		}
		pass(5 * time.Second)
		var offsets []time.Duration
		for name := range s.services {
			w.calls(name, 2)
			offsets = append(offsets, idp.Calls(name)[1].Sub(started))
		}
		slices.Sort(offsets)
		if median := offsets[many/2]; median < time.Second || median > 4*time.Second {
			t.Errorf("half of them were refreshed within %v", median)
		}
	})
}

func TestWhatDiedMeanwhileStaysDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, s := idptest.New(), setup{vault: kept(t)}
		w := begin(t, idp, s)
		w.token(billing)
		w.stop()
		pass(time.Hour)

		w = begin(t, idp, s)
		w.state(billing, messages.StateExpired)
		if tok := w.token(billing); tok.Generation != 2 { // a caller does not wait for the spread
			t.Errorf("generation %d", tok.Generation)
		}
		w.calls(billing, 2)
	})
}

func TestATokenFromTheFutureIsNotRevived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, clock := idptest.New(), &steppable{}
		s := setup{vault: kept(t), options: []system.Option{clock.option()}}
		w := begin(t, idp, s)
		w.token(billing)
		w.stop()
		clock.step(-time.Minute)

		w = begin(t, idp, s)
		w.state(billing, messages.StateEmpty)
		w.token(billing)
		w.calls(billing, 2)
		w.stop()
		w = begin(t, idp, s)
		w.state(billing, messages.StateFresh)
	})
}

func TestATokenServesOnlyTheConfigurationItWasAcquiredWith(t *testing.T) {
	for name, c := range map[string]struct {
		edit  func(*config.Service)
		calls int
	}{
		"nothing has changed":           {func(*config.Service) {}, 1},
		"a setting of the schedule has": {func(s *config.Service) { s.WarnBefore = new(time.Second) }, 1},
		"where it may be sent has":      {func(s *config.Service) { s.Hosts = []string{"api.example"} }, 1},
		"what the provider is told has": {func(s *config.Service) { *s = on("elsewhere.example", *s) }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, s := idptest.New(), setup{vault: kept(t)}
				w := begin(t, idp, s)
				w.token(billing)
				w.stop()
				changed := scripted(config.Settings{})
				c.edit(&changed)
				s.services = map[string]config.Service{billing: changed}
				for range 2 { // what comes instead is kept, too
					w = begin(t, idp, s)
					w.token(billing)
					w.calls(billing, c.calls)
					w.stop()
				}
			})
		})
	}
}

func TestTheProviderGetsItsStateInTheNextProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, s := idptest.New(), setup{vault: kept(t)}
		idp.Play(billing, idptest.Stateful(time.Minute, idptest.Canary+"-rotated"))
		w := begin(t, idp, s)
		w.token(billing)
		w.stop()
		pass(time.Hour)
		heard := make(chan string, 1)
		idp.Play(billing, func(ctx context.Context, call idptest.Call) (provider.Result, error) {
			heard <- string(call.Previous.Bytes())
			return idptest.Token(time.Hour)(ctx, call)
		})
		w = begin(t, idp, s)
		w.token(billing)
		if got := <-heard; got != idptest.Canary+"-rotated" {
			t.Errorf("the provider was given %d bytes of something else", len(got))
		}
		w.stop()
		text, err := os.ReadFile(s.vault.Path)
		if err != nil || bytes.Contains(text, []byte(idptest.Canary)) {
			t.Errorf("a secret lies in the file in the clear, or %v", err)
		}
	})
}

func TestARemovedServiceIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, s := idptest.New(), setup{vault: kept(t)}
		w := begin(t, idp, s)
		w.token(billing)
		if err := w.sys.Apply(t.Context(), &config.Config{Vault: s.vault}); err != nil {
			t.Fatal(err)
		}
		w.stop()
		w = begin(t, idp, s)
		w.state(billing, messages.StateEmpty)
	})
}

func TestAServiceThatIsRemovedWhileNoNodeRunsIsForgottenAtTheNextStart(t *testing.T) {
	for name, after := range map[string]map[string]config.Service{
		"removed": {"erp": scripted(config.Settings{})},
		"static now": {
			"erp":   scripted(config.Settings{}),
			billing: {Provider: config.KindStatic, Static: &config.Static{Token: config.NewSecret("static")}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, s := idptest.New(), setup{vault: kept(t)}
				s.services = map[string]config.Service{billing: scripted(config.Settings{}), "erp": scripted(config.Settings{})}
				w := begin(t, idp, s)
				w.token(billing)
				w.token("erp")
				w.stop()
				s.services = after
				w = begin(t, idp, s)
				w.state("erp", messages.StateFresh)
				w.stop()
				if !strings.Contains(w.logs.String(), "is forgotten\" records=1") {
					t.Errorf("the log does not say so:\n%s", w.logs)
				}
				entries, err := system.InspectVault(&config.Config{Vault: s.vault})
				if err != nil || len(entries) != 1 || entries[0].Key.Service != "erp" {
					t.Errorf("%+v, %v", entries, err)
				}
			})
		})
	}
}

// One start with the wrong configuration must not cost a login.
func TestALoginOutlivesStartsWithoutItsService(t *testing.T) {
	for name, c := range map[string]struct {
		away time.Duration
		kept bool
	}{"for some days": {29 * 24 * time.Hour, true}, "but not for ever": {30 * 24 * time.Hour, false}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, s := idptest.New(), setup{vault: kept(t)}
				idp.Play(billing, idptest.Stateful(time.Hour, "login"))
				w := begin(t, idp, s)
				w.token(billing)
				w.stop()
				pass(c.away)
				others := s
				others.services = map[string]config.Service{"erp": scripted(config.Settings{})}
				w = begin(t, idptest.New(), others)
				w.stop()
				if strings.Contains(w.logs.String(), "services="+billing) != c.kept {
					t.Errorf("the log says\n%s", w.logs)
				}
				entries, err := system.InspectVault(&config.Config{Vault: s.vault})
				if err != nil || slices.ContainsFunc(entries, func(e disk.Entry) bool { return e.Key.Service == billing }) != c.kept {
					t.Errorf("%+v, %v", entries, err)
				}
			})
		})
	}
}

// The token of a service that is gone is of no use, but what the provider wants to have
// again is nowhere else.
func TestOfWhatLandsAfterItsServiceIsGoneTheLoginIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, s, release := idptest.New(), setup{vault: kept(t), deaf: true}, make(chan struct{})
		idp.Play(billing, idptest.Deaf(time.Minute, idptest.Stateful(time.Hour, "late")))
		w := begin(t, idp, s)
		go func() {
			defer close(release)
			_, _ = w.sys.Token(context.Background(), billing) // until the service is removed
		}()
		pass(time.Second)
		if err := w.sys.Apply(t.Context(), &config.Config{Vault: s.vault}); err != nil {
			t.Fatal(err)
		}
		<-release
		pass(2 * time.Minute)
		if err := w.sys.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		entries, err := system.InspectVault(&config.Config{Vault: s.vault})
		if err != nil || len(entries) != 1 || !entries[0].State || entries[0].Fingerprint != "" {
			t.Errorf("%+v, %v", entries, err)
		}
	})
}

func TestAStaticTokenIsReadAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "token")
		static := config.Service{Provider: config.KindStatic, Static: &config.Static{Token: config.NewSecret("${file:" + file + "}")}}
		s := setup{vault: kept(t), services: map[string]config.Service{billing: static}}
		for _, text := range []string{"first", "second"} {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			w := begin(t, idptest.New(), s)
			if got := w.token(billing).Value(); got != text {
				t.Errorf("token %s, want %s", got, text)
			}
			w.stop()
		}
	})
}

func TestAVaultThatCannotBeOpenedFailsTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := setup{vault: kept(t)}
		first := begin(t, idptest.New(), s)
		w := prepare(t, idptest.New(), s)
		if err := w.sys.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "another process") {
			t.Errorf("while another has it open: %v", err)
		}
		w.stop()
		first.stop()
		s.vault.Keys = []config.Secret{config.NewSecret(anotherKey)}
		w = prepare(t, idptest.New(), s)
		if err := w.sys.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "none of the keys") {
			t.Errorf("with a wrong key: %v", err)
		}
		w.stop()
	})
}

func TestVaultHealthTellsWhetherTokensAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{})
		if _, ok := w.sys.VaultHealth(); ok {
			t.Error("without a path there is a vault")
		}
		w = begin(t, idptest.New(), setup{vault: kept(t)})
		w.token(billing)
		if h, ok := w.sys.VaultHealth(); !ok || h.Degraded || h.Unsaved != 1 {
			t.Errorf("%+v, %v", h, ok)
		}
		pass(time.Second)
		if h, _ := w.sys.VaultHealth(); h.Unsaved != 0 {
			t.Errorf("after a second: %+v", h)
		}
	})
}

func TestABrokenVaultShowsInReadinessAndServesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, idptest.New(), setup{vault: kept(t)})
		w.token(billing)
		pass(time.Second)
		door := httpapi.New(w.sys, httpapi.Options{})
		readyz := func() string {
			rec := httptest.NewRecorder()
			door.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/readyz", nil))
			return fmt.Sprint(rec.Code, " ", rec.Body)
		}
		if got := readyz(); got != `200 {"ready":true,"services":[],"vault":{"state":"ok"}}` {
			t.Error(got)
		}
		path := w.cfg.Vault.Path
		if err := os.Rename(path, path+".away"); err != nil {
			t.Skipf("an open file cannot be moved here: %v", err)
		}
		if err := w.sys.Refresh(t.Context(), billing); err != nil {
			t.Error(err)
		}
		pass(time.Second)
		if got := readyz(); !strings.Contains(got, `200 {"ready":true,"services":[],"vault":{"state":"degraded","since":"2000-01-01T00:00:0`) ||
			!strings.Contains(got, `"text":"the file was moved`) {
			t.Error(got)
		}
		if tok := w.token(billing); tok.Generation != 2 {
			t.Errorf("generation %d", tok.Generation)
		}
		if err := os.Rename(path+".away", path); err != nil {
			t.Fatal(err)
		}
		pass(30 * time.Second)
		if got := readyz(); got != `200 {"ready":true,"services":[],"vault":{"state":"ok"}}` {
			t.Error(got)
		}
	})
}

func TestTheVaultCannotBeChangedWhileRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := setup{vault: kept(t)}
		w := begin(t, idptest.New(), s)
		for path, edit := range map[string]func(*config.Vault){
			"vault.path": func(v *config.Vault) { v.Path += "2" },
			"vault.keys": func(v *config.Vault) { v.Keys = []config.Secret{config.NewSecret(anotherKey)} },
		} {
			changed := *w.cfg
			edit(&changed.Vault)
			if err := w.sys.Apply(t.Context(), &changed); err == nil || !strings.Contains(err.Error(), path+": cannot be changed") {
				t.Errorf("%s: %v", path, err)
			}
		}
		changed := *w.cfg
		changed.Vault.Keys = []config.Secret{config.NewSecret("too short")}
		if err := w.sys.Apply(t.Context(), &changed); err == nil || !strings.Contains(err.Error(), "vault.keys[0]: a vault key is 32 bytes") {
			t.Errorf("%v", err)
		}
	})
}

func TestAStopDoesNotWaitForADeafProviderToKeepWhatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		s := setup{vault: kept(t), deaf: true, services: map[string]config.Service{
			billing: scripted(config.Settings{}), "erp": scripted(config.Settings{}),
		}}
		idp.Play("erp", idptest.Deaf(time.Minute, idptest.Stateful(time.Hour, "late")))
		w := begin(t, idp, s)
		w.token(billing)
		go func() { _, _ = w.sys.Token(context.Background(), "erp") }()
		synctest.Wait()
		dead, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.sys.Stop(dead); err == nil {
			t.Error("everything has ended, though a provider has not returned")
		}
		synctest.Wait()
		if e := keptNow(t, s.vault, billing); e.Fingerprint == "" {
			t.Error("the token is not in the file when nobody waits any more")
		}
		pass(time.Minute)
		if err := w.sys.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if e := keptNow(t, s.vault, "erp"); !e.State {
			t.Error("a state that came late is lost")
		}
	})
}

// keptNow returns what is in the file about a service, also while a node has it
// open.
func keptNow(t *testing.T, v config.Vault, service string) disk.Entry {
	t.Helper()
	text, err := os.ReadFile(v.Path)
	if err != nil {
		t.Fatal(err)
	}
	v.Path = filepath.Join(t.TempDir(), "copy")
	if err := os.WriteFile(v.Path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	entries, err := system.InspectVault(&config.Config{Vault: v})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Key.Service == service {
			return e
		}
	}
	return disk.Entry{}
}

// What a server calls the type of its tokens is told beside how they are sent, also
// after a restart.
func TestTheServersTypeIsToldOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, s := idptest.New(), setup{vault: kept(t)}
		idp.Play(billing, func(context.Context, idptest.Call) (provider.Result, error) {
			return provider.Result{AccessToken: messages.NewSecret("Bearer opaque"), ServerType: "JWT", Lifetime: time.Hour}, nil
		})
		for range 2 {
			w := begin(t, idp, s)
			tok, info := w.token(billing), w.info(billing)
			if tok.Header() != "Bearer opaque" || tok.ServerType != "JWT" || info.TokenType != "Bearer" || info.ServerTokenType != "JWT" {
				t.Errorf("%s %+v", tok.ServerType, info)
			}
			w.calls(billing, 1)
			w.stop()
		}
	})
}
