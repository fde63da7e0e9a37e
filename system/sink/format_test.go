package sink

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tokend/messages"
)

func TestFormats(t *testing.T) {
	expires := time.Date(2030, 1, 2, 3, 4, 5, 678_900_000, time.FixedZone("", 3600))
	never := token("a.b-c", "it's", time.Time{})
	tok := token("billing", "abc.DEF~1", expires)
	for name, c := range map[string]struct {
		spec Spec
		tok  messages.Token
		want string
	}{
		"token":         {Spec{Service: "billing", Format: FormatToken}, tok, "abc.DEF~1"},
		"header":        {Spec{Service: "billing", Format: FormatHeader}, tok, "Authorization: Bearer abc.DEF~1\n"},
		"json":          {Spec{Service: "billing", Format: FormatJSON}, tok, `{"access_token":"abc.DEF~1","token_type":"Bearer","expires_at":"2030-01-02T02:04:05.678Z","service":"billing","generation":1,"fingerprint":"f00"}` + "\n"},
		"env":           {Spec{Service: "billing", Format: FormatEnv, Name: "T"}, tok, "T='abc.DEF~1'\nT_EXPIRES_AT=2030-01-02T02:04:05.678Z\n"},
		"env by name":   {Spec{Service: "a.b-c", Format: FormatEnv}, never, `TOKEN_A_B_C='it'\''s'` + "\n"},
		"json for ever": {Spec{Service: "a.b-c", Format: FormatJSON}, never, `{"access_token":"it's","token_type":"Bearer","service":"a.b-c","generation":1,"fingerprint":"f00"}` + "\n"},
	} {
		got, err := rendererOf(&c.spec)(map[string]messages.Token{c.spec.Service: c.tok})
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestAContentThatIsTooLarge(t *testing.T) {
	big := map[string]messages.Token{"a": token("a", strings.Repeat("x", maxContent+1), time.Time{})}
	if _, err := rendererOf(&Spec{Service: "a", Format: FormatToken})(big); !errors.Is(err, errTooLarge) {
		t.Errorf("err = %v", err)
	}
	for _, text := range []string{`{{ token }}`, `{{ token | json }}`} {
		made, err := parseTemplate(text, "a")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := made.render(big); !errors.Is(err, errTooLarge) {
			t.Errorf("%s: err = %v", text, err)
		}
	}
}
