package tests

import (
	"testing"
	"testing/synctest"
	"time"

	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

func TestWhyATokenIsNotGivenUp(t *testing.T) {
	const hour = time.Hour
	none := func(*world) string { return "" }
	current := func(w *world) string { return w.token(billing).Fingerprint }
	tests := map[string]struct {
		idp    []idptest.Step
		before func(w *world) string // what happens first; the fingerprint that is reported then
		want   string                // empty: it is given up
	}{
		"no token yet":              {nil, none, messages.KeptNoToken},
		"no token to be had":        {[]idptest.Step{idptest.Refuse()}, func(w *world) string { w.refused(billing, messages.ErrRejected); return "" }, messages.KeptNoToken},
		"the current one":           {[]idptest.Step{idptest.Token(hour)}, current, ""},
		"whatever is current":       {[]idptest.Step{idptest.Token(hour)}, func(w *world) string { w.token(billing); return "" }, ""},
		"another one":               {[]idptest.Step{idptest.Token(hour)}, func(w *world) string { w.token(billing); return "0123456789ab" }, messages.KeptNotCurrent},
		"the one before":            {[]idptest.Step{idptest.Token(hour)}, func(w *world) string { old := current(w); pass(50 * time.Minute); return old }, messages.KeptNotCurrent},
		"soon after another":        {[]idptest.Step{idptest.Token(hour)}, func(w *world) string { current(w); w.invalidate(); return current(w) }, messages.KeptTooSoon},
		"when the pause is over":    {[]idptest.Step{idptest.Token(hour)}, func(w *world) string { current(w); w.invalidate(); pass(6 * time.Minute); return current(w) }, ""},
		"the same comes again":      {[]idptest.Step{idptest.Cached(hour)}, func(w *world) string { old := current(w); pass(time.Minute); return old }, messages.KeptSameToken},
		"a token that never ends":   {[]idptest.Step{idptest.Cached(10 * hour)}, func(w *world) string { old := current(w); pass(time.Minute); return old }, messages.KeptSameToken},
		"no other can be had":       {[]idptest.Step{idptest.Token(hour), idptest.Fail(messages.ClassTransient)}, func(w *world) string { old := current(w); pass(time.Minute); return old }, messages.KeptNoOther},
		"no other for some time":    {[]idptest.Step{idptest.Token(hour), idptest.Fail(messages.ClassTransient)}, func(w *world) string { old := current(w); pass(46 * time.Minute); return old }, messages.KeptNoOther},
		"it has died":               {[]idptest.Step{idptest.Token(hour), idptest.Fail(messages.ClassTransient)}, func(w *world) string { old := current(w); pass(hour); return old }, messages.KeptExpired},
		"the server is slow, works": {[]idptest.Step{idptest.Token(hour), idptest.After(4*time.Second, idptest.Token(hour))}, current, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				idp := idptest.New()
				idp.Play(billing, tt.idp...)
				w := begin(t, idp, setup{})
				fingerprint := tt.before(w)
				got, err := w.sys.InvalidateWhy(t.Context(), billing, fingerprint)
				if err != nil || got != tt.want {
					t.Errorf("%q, %v, want %q", got, err, tt.want)
				}
			})
		})
	}
}

// invalidate has the current token given up.
func (w *world) invalidate() {
	w.Helper()
	if done, err := w.sys.Invalidate(w.Context(), billing, ""); err != nil || !done {
		w.Errorf("%t, %v", done, err)
	}
}
