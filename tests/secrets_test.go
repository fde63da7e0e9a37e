package tests

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

// noticed is how long a changed file takes to be noticed at most, and settling how
// long it must stay as it is.
const (
	round    = 2 * time.Second
	settling = 500 * time.Millisecond
	noticed  = round + settling
)

// secretFile is a file that a service refers to.
type secretFile struct {
	t    *testing.T
	path string
}

func newSecretFile(t *testing.T, text string) secretFile {
	t.Helper()
	f := secretFile{t, filepath.Join(t.TempDir(), "secret")}
	f.write(text)
	return f
}

// write changes the file in its place.
func (f secretFile) write(text string) {
	f.t.Helper()
	if err := os.WriteFile(f.path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// replace puts another file in its place.
func (f secretFile) replace(text string) {
	f.t.Helper()
	next := secretFile{f.t, f.path + ".next"}
	next.write(text)
	if err := os.Rename(next.path, f.path); err != nil {
		f.t.Fatal(err)
	}
}

// reading returns a service that refers to the files.
func reading(s config.Service, files ...secretFile) config.Service {
	options := map[string]any{}
	for i, f := range files {
		options[fmt.Sprint("secret", i)] = "${file:" + f.path + "}"
	}
	s.Options = config.NewTree(options)
	return s
}

// of returns a world's setup with billing, which refers to the files.
func of(files ...secretFile) setup {
	return setup{services: map[string]config.Service{billing: reading(scripted(config.Settings{}), files...)}}
}

func TestARejectedServiceIsTriedWhenItsSecretIsCorrected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, f := idptest.New(), newSecretFile(t, "wrong")
		idp.Play(billing, idptest.Fail(messages.ClassRejected))
		w := begin(t, idp, of(f))
		w.refused(billing, messages.ErrRejected)
		pass(6*time.Hour + time.Minute) // the back-off is an hour now
		calls := idp.Count(billing)
		idp.Play(billing, idptest.Token(time.Hour))
		f.replace("correct")
		pass(noticed)
		w.calls(billing, calls+1)
		w.token(billing)
		w.ready(true)
		pass(time.Minute)
		w.calls(billing, calls+1)
	})
}

func TestASecretCountsWhenItHasSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, f := idptest.New(), newSecretFile(t, "first")
		w := begin(t, idp, of(f))
		w.token(billing)
		pass(round)
		f.replace("another")
		pass(noticed - time.Nanosecond)
		w.calls(billing, 1)
		pass(time.Nanosecond)
		w.calls(billing, 2)
	})
}

func TestTheLivingTokenServesWhileAChangedSecretIsTried(t *testing.T) {
	for name, c := range map[string]struct {
		step  idptest.Step
		state string
	}{
		"slowly":              {idptest.Hang(), messages.StateFresh},
		"and is refused":      {idptest.Fail(messages.ClassRejected), messages.StateDegraded},
		"and cannot be known": {idptest.Fail(messages.ClassTransient), messages.StateDegraded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, f := idptest.New(), newSecretFile(t, "first")
				w := begin(t, idp, of(f))
				old := w.token(billing)
				pass(10 * time.Minute)
				idp.Play(billing, c.step)
				f.replace("another")
				pass(noticed)
				w.calls(billing, 2)
				if got := w.token(billing); got.Fingerprint != old.Fingerprint || got.State != c.state {
					t.Errorf("%v, want %v as %s", got, old, c.state)
				}
			})
		})
	}
}

func TestAChangedSecretEndsThePauseOfInvalidations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, f := idptest.New(), newSecretFile(t, "first")
		w := begin(t, idp, of(f))
		for range 5 { // tokens that do not live for a minute: the pause doubles
			if _, err := w.sys.Invalidate(t.Context(), billing, w.token(billing).Fingerprint); err != nil {
				t.Fatal(err)
			}
			pass(20 * time.Second)
		}
		if gone, err := w.sys.Invalidate(t.Context(), billing, w.token(billing).Fingerprint); !gone || err != nil {
			t.Fatalf("%v, %v", gone, err)
		}
		young := w.token(billing)
		if gone, err := w.sys.Invalidate(t.Context(), billing, young.Fingerprint); gone || err != nil {
			t.Fatalf("there is no pause: %v, %v", gone, err)
		}
		f.replace("another")
		pass(noticed + time.Second)
		fresh := w.token(billing)
		if gone, err := w.sys.Invalidate(t.Context(), billing, fresh.Fingerprint); !gone || err != nil || fresh.Fingerprint == young.Fingerprint {
			t.Errorf("the pause goes on: %v, %v", gone, err)
		}
	})
}

func TestAFileThatHoldsTheSameCausesNoRequest(t *testing.T) {
	for name, change := range map[string]func(secretFile) error{
		"touched":               func(f secretFile) error { return os.Chtimes(f.path, time.Time{}, time.Now().Add(time.Hour)) },
		"replaced by its like":  func(f secretFile) error { f.replace("first"); return nil },
		"written with its like": func(f secretFile) error { f.write("first\n"); return nil },
		"moved away":            func(f secretFile) error { return os.Rename(f.path, f.path+".away") },
		"emptied":               func(f secretFile) error { f.write(""); return nil },
		"emptied but for lines": func(f secretFile) error { f.write("\n"); return nil },
		"a directory": func(f secretFile) error {
			if err := os.Remove(f.path); err != nil {
				return err
			}
			return os.Mkdir(f.path, 0o700)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, f := idptest.New(), newSecretFile(t, "first")
				w := begin(t, idp, of(f))
				w.token(billing)
				pass(3 * round)
				if err := change(f); err != nil {
					t.Fatal(err)
				}
				pass(time.Minute)
				w.calls(billing, 1)
			})
		})
	}
}

func TestAFileThatComesBackCountsByWhatItHolds(t *testing.T) {
	for text, calls := range map[string]int{"first": 1, "another": 2} {
		t.Run(text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, f := idptest.New(), newSecretFile(t, "first")
				w := begin(t, idp, of(f))
				w.token(billing)
				if err := os.Remove(f.path); err != nil {
					t.Fatal(err)
				}
				pass(time.Minute)
				f.write(text)
				pass(noticed)
				w.calls(billing, calls)
			})
		})
	}
}

func TestTheFileOfBeforeIsNoticedWhenItComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, f := idptest.New(), newSecretFile(t, "first")
		w := begin(t, idp, of(f))
		w.token(billing)
		pass(3 * round)
		before := f.path + ".before"
		if err := os.Rename(f.path, before); err != nil {
			t.Fatal(err)
		}
		f.write("other")
		pass(noticed)
		w.calls(billing, 2)
		if err := os.Rename(before, f.path); err != nil {
			t.Fatal(err)
		}
		pass(noticed)
		w.calls(billing, 3)
	})
}

func TestAHalfWrittenSecretIsNotTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, f := idptest.New(), newSecretFile(t, "first")
		w := begin(t, idp, of(f))
		w.token(billing)
		pass(round - 100*time.Millisecond)
		for _, text := range []string{"", "ano", "another one"} {
			f.write(text)
			pass(200 * time.Millisecond)
		}
		pass(round - time.Nanosecond)
		w.calls(billing, 1) // at the first look it was empty, and the second is not half a second old
		pass(time.Nanosecond)
		w.calls(billing, 2)
		pass(time.Minute)
		w.calls(billing, 2)
	})
}

func TestASecretThatChangesWhileItSettlesIsTriedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, f := idptest.New(), newSecretFile(t, "first")
		w := begin(t, idp, of(f))
		w.token(billing)
		f.write("a longer")
		pass(round + settling/2)
		f.write("a longer one")
		pass(settling)
		w.calls(billing, 1)
		pass(noticed)
		w.calls(billing, 2)
		pass(time.Minute)
		w.calls(billing, 2)
	})
}

// Kubernetes mounts a secret as a link to a file below a link to a directory, and
// swaps the latter.
func TestASwappedLinkIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		put := func(version, text string) {
			t.Helper()
			if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
				t.Fatal(err)
			}
			secretFile{t, filepath.Join(dir, version, "secret")}.write(text)
			if err := os.Symlink(version, filepath.Join(dir, "next")); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(filepath.Join(dir, "next"), filepath.Join(dir, "data")); err != nil {
				t.Fatal(err)
			}
		}
		put("1", "first")
		f := secretFile{t, filepath.Join(dir, "secret")}
		if err := os.Symlink(filepath.Join("data", "secret"), f.path); err != nil {
			t.Fatal(err)
		}
		w := begin(t, idptest.New(), of(f))
		w.token(billing)
		pass(3 * round)
		put("2", "other") // of the same size
		pass(noticed)
		w.calls(billing, 2)
	})
}

func TestAStaticTokenIsReplacedWithItsFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newSecretFile(t, "token-first")
		w := begin(t, idptest.New(), setup{services: map[string]config.Service{billing: {
			Provider: config.KindStatic, Static: &config.Static{Token: config.NewSecret("${file:" + f.path + "}")},
		}}})
		if tok := w.token(billing); tok.Value() != "token-first" {
			t.Errorf("%v", tok)
		}
		f.replace("token-second")
		pass(noticed)
		if tok := w.token(billing); tok.Value() != "token-second" || tok.Generation != 2 {
			t.Errorf("%v", tok)
		}
	})
}

func TestAServiceThatIsNotNeededIsNotTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, f := idptest.New(), newSecretFile(t, "first")
		w := begin(t, idp, of(f))
		f.replace("another")
		pass(time.Minute)
		w.calls(billing, 0)
		w.token(billing)
	})
}

func TestOnlyTheServicesOfAChangedFileAreTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, one, two := idptest.New(), newSecretFile(t, "first"), newSecretFile(t, "second")
		w := begin(t, idp, setup{services: map[string]config.Service{
			billing: reading(eagerly(), one), "both": reading(eagerly(), one, two),
			"other": reading(eagerly(), two), "none": eagerly(),
		}})
		pass(10 * time.Minute)
		other, none := w.info("other"), w.info("none")
		one.replace("another")
		pass(noticed)
		w.calls(billing, 2)
		w.calls("both", 2)
		w.calls("other", 1)
		w.calls("none", 1)
		sameRecord(t, other, w.info("other"))
		sameRecord(t, none, w.info("none"))
	})
}

func TestTheGateBoundsWhatASharedSecretCauses(t *testing.T) {
	const many = 1000
	synctest.Test(t, func(t *testing.T) {
		idp, f := idptest.New(), newSecretFile(t, "first")
		s := setup{services: map[string]config.Service{}}
		for i := range many {
			name := fmt.Sprintf("s%05d", i)
			s.services[name] = config.Service{
				Provider: idptest.Kind, Settings: config.Settings{Eager: new(true)},
				Options: config.NewTree(map[string]any{"host": "idp.test", "secret": "${file:" + f.path + "}"}),
			}
			idp.Play(name, idptest.After(100*time.Millisecond, idptest.Token(time.Hour)))
		}
		w := begin(t, idp, s)
		pass(time.Minute)
		f.replace("another")
		pass(time.Minute)
		for name := range s.services {
			w.calls(name, 2)
		}
		if all, one := idp.Peak(); all > 32 || one > 1 {
			t.Errorf("%d at once, %d of one service", all, one)
		}
	})
}

func TestARemovedServiceIsNoLongerWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, f := idptest.New(), newSecretFile(t, "first")
		w := begin(t, idp, of(f))
		w.token(billing)
		w.apply(func(s map[string]config.Service) {
			clear(s)
			s["left"] = scripted(config.Settings{})
		})
		f.replace("another")
		pass(time.Minute)
		w.calls(billing, 1)
		w.apply(func(map[string]config.Service) {}) // it is back, with what the file holds now
		w.token(billing)
		pass(time.Minute)
		w.calls(billing, 2)
		f.replace("yet another")
		pass(noticed)
		w.calls(billing, 3)
	})
}

func TestAServiceThatComesBackWhileItsFileSettlesHasReadIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, f := idptest.New(), newSecretFile(t, "first")
		w := begin(t, idp, of(f))
		w.token(billing)
		f.replace("another")
		pass(round + settling/2)
		w.apply(withoutBilling)
		w.apply(func(map[string]config.Service) {})
		w.token(billing)
		pass(time.Minute)
		w.calls(billing, 2)
	})
}

func TestAnAddedServiceIsWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, f := idptest.New(), newSecretFile(t, "first")
		w := begin(t, idp, setup{})
		pass(time.Hour)
		w.apply(func(s map[string]config.Service) { s["erp"] = reading(eagerly(), f) })
		w.calls("erp", 1)
		f.replace("another")
		pass(noticed)
		w.calls("erp", 2)
	})
}

// No bubble: it is real goroutines that race.
func TestApplyRacesWithAChangedSecret(t *testing.T) {
	idp, f := idptest.New(), newSecretFile(t, "0")
	w := begin(t, idp, of(f))
	ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond) // of which one round and some
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() {
		for ctx.Err() == nil {
			for _, cfg := range []*config.Config{w.changed(withoutBilling), w.cfg} {
				if err := w.sys.Apply(t.Context(), cfg); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for i := 0; ctx.Err() == nil; i++ {
		f.replace(fmt.Sprint("secret ", i/100))
	}
	all.Wait()
	tok, err := w.sys.Token(t.Context(), billing)
	if err != nil || tok.Value() == "" {
		t.Errorf("%v, %v", tok, err)
	}
}

func TestP9StopEndsTheWatching(t *testing.T) {
	for name, after := range map[string]time.Duration{
		"before a round": round - time.Nanosecond, "in a round": round, "while a file settles": round + settling/2,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, f := idptest.New(), newSecretFile(t, "first")
				w := begin(t, idp, of(f))
				w.token(billing)
				f.replace("another")
				pass(after)
				w.stop()
				pass(time.Minute)
				w.calls(billing, 1)
			})
		})
	}
}

func TestP9WatchingLeavesNoGoroutine(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	f := newSecretFile(t, "first")
	w := prepare(t, idptest.New(), of(f))
	if err := w.sys.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.sys.Token(t.Context(), billing); err != nil {
		t.Error(err)
	}
	if err := w.sys.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
