package tests

import (
	"bytes"
	"context"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"tokend/actors/provider"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

func TestASecretThatChangedWhileNobodyWasThere(t *testing.T) {
	for name, c := range map[string]struct {
		change func(secretFile)
		calls  int
	}{
		"is tried":                 {func(f secretFile) { f.replace("another") }, 2},
		"in a file that came anew": {func(f secretFile) { f.replace("first") }, 1},
		"not at all":               {func(secretFile) {}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, f := idptest.New(), newSecretFile(t, "first")
				s := of(f)
				s.vault = kept(t)
				w := begin(t, idp, s)
				old := w.token(billing)
				w.stop()
				c.change(f)
				idp.Play(billing, idptest.Hang())
				w = begin(t, idp, s)
				if got := w.token(billing); got.Fingerprint != old.Fingerprint { // it outlives the change
					t.Errorf("%v, want %v", got, old)
				}
				pass(6 * time.Second)
				w.calls(billing, c.calls)
			})
		})
	}
}

func TestABackOffDoesNotOutliveTheSecret(t *testing.T) {
	for text, calls := range map[string]int{"wrong": 0, "correct": 1} {
		t.Run(text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, f := idptest.New(), newSecretFile(t, "wrong")
				idp.Play(billing, idptest.Token(10*time.Hour), idptest.Fail(messages.ClassRejected))
				s := of(f)
				s.vault = kept(t)
				w := begin(t, idp, s)
				w.token(billing)
				_ = w.sys.Refresh(t.Context(), billing)
				w.state(billing, messages.StateDegraded)
				w.stop()
				before := idp.Count(billing)
				f.replace(text)
				w = begin(t, idp, s)
				pass(6 * time.Second)
				w.calls(billing, before+calls)
			})
		})
	}
}

func TestThePreviousStateOutlivesAChangedSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, f := idptest.New(), newSecretFile(t, "first")
		idp.Play(billing, idptest.Stateful(time.Minute, idptest.Canary+"-rotated"))
		s := of(f)
		s.vault = kept(t)
		w := begin(t, idp, s)
		w.token(billing)
		w.stop()
		f.replace("another")
		heard := make(chan string, 1)
		idp.Play(billing, func(ctx context.Context, call idptest.Call) (provider.Result, error) {
			heard <- string(call.Previous.Bytes())
			return idptest.Token(time.Hour)(ctx, call)
		})
		begin(t, idp, s)
		pass(6 * time.Second)
		if got := <-heard; got != idptest.Canary+"-rotated" {
			t.Errorf("the provider was given %d bytes of something else", len(got))
		}
	})
}

func TestP7NoSecretOrDigestOfOneLiesOnTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newSecretFile(t, idptest.Canary+"-in-a-file")
		s := of(f)
		s.vault = kept(t)
		w := begin(t, idptest.New(), s)
		w.token(billing)
		f.replace(idptest.Canary + "-in-another")
		pass(noticed)
		w.stop()
		text, err := os.ReadFile(s.vault.Path)
		if err != nil || bytes.Contains(text, []byte(idptest.Canary)) {
			t.Errorf("the secret lies in the file, or %v", err)
		}
	})
}
