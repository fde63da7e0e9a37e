package tests

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

// replace puts text in a file's place, as whoever cares for readers does.
func replace(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// living returns a JWT that dies after the given time.
func living(life time.Duration, id string) string {
	claims := fmt.Sprintf(`{"exp":%d,"jti":%q}`, time.Now().Add(life).Unix(), id)
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + "."
}

// filed returns a world with one service whose token is in a file.
func filed(t *testing.T, settings config.Settings) (setup, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	return setup{services: map[string]config.Service{billing: {
		Provider: config.KindFile, Settings: settings, File: &config.File{Path: path},
	}}}, path
}

func TestAFileIsReadAnewBeforeItsTokenDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, path := filed(t, config.Settings{Eager: new(true)})
		first := living(time.Hour, "a")
		replace(t, path, first)
		w := begin(t, idptest.New(), s)
		if tok := w.token(billing); tok.Value() != first {
			t.Errorf("%v", tok)
		}

		pass(50 * time.Minute) // it is due, but nobody has replaced it: the same again
		if info := w.info(billing); info.Generation != 1 || info.LastError != nil || info.State != messages.StateDue {
			t.Errorf("%+v", info)
		}
		replace(t, path, living(time.Hour, "b"))
		pass(time.Minute) // the longest pause while a token lives
		if info := w.info(billing); info.Generation != 2 || info.State != messages.StateFresh {
			t.Errorf("%+v", info)
		}
	})
}

func TestAFilesTokenWithoutAnEndStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, path := filed(t, config.Settings{})
		replace(t, path, "at-1\n")
		w := begin(t, idptest.New(), s)
		if tok := w.token(billing); tok.Value() != "at-1" || !tok.ExpiresAt.IsZero() {
			t.Errorf("%v until %v", tok.Value(), tok.ExpiresAt)
		}
		pass(10 * time.Hour)
		if ok, err := w.sys.Invalidate(t.Context(), billing, ""); ok || err != nil {
			t.Errorf("invalidated, though there is no other: %v, %v", ok, err)
		}
		replace(t, path, "at-2\n")
		pass(time.Hour)
		if _, err := w.sys.Invalidate(t.Context(), billing, ""); err != nil {
			t.Error(err)
		}
		pass(time.Second)
		if tok := w.token(billing); tok.Value() != "at-2" || tok.Generation != 2 {
			t.Errorf("%v of generation %d", tok.Value(), tok.Generation)
		}
	})
}

func TestAFileIsReadAnewAfterItsDefaultTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, path := filed(t, config.Settings{DefaultTTL: new(time.Hour)})
		replace(t, path, "at-1")
		w := begin(t, idptest.New(), s)
		w.token(billing)
		replace(t, path, "at-2")
		pass(50 * time.Minute)
		if tok := w.token(billing); tok.Value() != "at-2" {
			t.Errorf("%v", tok.Value())
		}
	})
}

func TestAFileMayComeLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, path := filed(t, config.Settings{Eager: new(true)})
		w := begin(t, idptest.New(), s)
		_, err := w.sys.Token(t.Context(), billing)
		if e, ok := errors.AsType[*messages.Error](err); !ok || !errors.Is(err, messages.ErrUnavailable) || e.Class != messages.ClassTransient {
			t.Errorf("%v", err)
		}
		replace(t, path, "at")
		pass(30 * time.Second) // the longest pause without a token
		w.state(billing, messages.StateFresh)
	})
}

// What was in a file when a node stopped may have been replaced since.
func TestNoVaultKeepsAFilesToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, path := filed(t, config.Settings{})
		s.vault = kept(t)
		replace(t, path, "at-1")
		w := begin(t, idptest.New(), s)
		w.token(billing)
		w.stop()

		replace(t, path, "at-2")
		w = begin(t, idptest.New(), s)
		if tok := w.token(billing); tok.Value() != "at-2" || tok.Generation != 1 {
			t.Errorf("%v of generation %d", tok.Value(), tok.Generation)
		}
	})
}
