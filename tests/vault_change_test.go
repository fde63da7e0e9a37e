package tests

import (
	"testing"
	"testing/synctest"
	"time"

	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

// A token that serves beside a new configuration, which has not brought one yet, is
// not that configuration's for the next process either.
func TestATokenOfTheConfigurationBeforeDoesNotOutliveTheProcess(t *testing.T) {
	for name, step := range map[string]idptest.Step{
		"without an answer": idptest.Hang(), "after a failure": idptest.Fail(messages.ClassTransient),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp, s := idptest.New(), setup{vault: kept(t)}
				w := begin(t, idp, s)
				old := w.token(billing)
				idp.Play(billing, step)
				s.services = map[string]config.Service{billing: on("elsewhere.example", scripted(config.Settings{}))}
				if err := w.sys.Apply(t.Context(), &config.Config{Vault: s.vault, Services: s.services}); err != nil {
					t.Fatal(err)
				}
				pass(time.Second)
				if got := w.token(billing); got.Fingerprint != old.Fingerprint {
					t.Errorf("%v, want %v until there is another", got, old)
				}
				w.stop()
				idp.Play(billing, idptest.Token(time.Hour))
				w = begin(t, idp, s)
				w.state(billing, messages.StateEmpty)
				pass(time.Minute)
				if got := w.token(billing); got.Fingerprint == old.Fingerprint || got.Generation != 1 {
					t.Errorf("%v, which is of another configuration", got)
				}
			})
		})
	}
}

// A changed secret that was not tried to the end is tried by the next process.
func TestAChangedSecretThatWasNotTriedIsTriedByTheNextProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp, f := idptest.New(), newSecretFile(t, "first")
		s := of(f)
		s.vault = kept(t)
		w := begin(t, idp, s)
		old := w.token(billing)
		idp.Play(billing, idptest.Hang())
		f.replace("another")
		pass(noticed)
		w.calls(billing, 2)
		w.stop()
		idp.Play(billing, idptest.Token(time.Hour))
		w = begin(t, idp, s)
		if got := w.token(billing); got.Fingerprint != old.Fingerprint {
			t.Errorf("%v, want %v", got, old)
		}
		pass(6 * time.Second)
		w.calls(billing, 3)
		w.stop()
		w = begin(t, idp, s) // now it was
		pass(6 * time.Second)
		w.calls(billing, 3)
	})
}
