package vault

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"tokend/messages"
)

const canary = "canary-81d4f0"

func sealed(t *testing.T) *Vault {
	t.Helper()
	v, err := New(MemorySealed)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestASealedSecretOpens(t *testing.T) {
	for _, memory := range []string{"", MemorySealed, MemoryPlain} {
		v, err := New(memory)
		if err != nil {
			t.Fatal(err)
		}
		box := v.Seal(Label{Service: "billing", Part: AccessToken, Generation: 7}, messages.NewSecret(canary))
		got, err := box.Open()
		if err != nil || got.Reveal() != canary {
			t.Errorf("memory %q: opened %q, %v", memory, got.Reveal(), err)
		}
		if box.IsZero() {
			t.Errorf("memory %q: a box with a secret is zero", memory)
		}
		if text, err := box.AppendTo([]byte("is: ")); err != nil || string(text) != "is: "+canary {
			t.Errorf("memory %q: appended %q, %v", memory, text, err)
		}
		text := []byte(canary)
		box = v.SealBytes(Label{Service: "billing"}, text)
		clear(text)
		if text, err = box.OpenBytes(); err != nil || string(text) != canary {
			t.Errorf("memory %q: opened %q, %v", memory, text, err)
		}
		clear(text)
		if again, err := box.OpenBytes(); err != nil || string(again) != canary {
			t.Errorf("memory %q: opened again %q, %v", memory, again, err)
		}
		if !v.SealBytes(Label{}, nil).IsZero() {
			t.Errorf("memory %q: a box without a secret is not zero", memory)
		}
	}
}

func TestASealedSecretIsNotInItsBox(t *testing.T) {
	box := sealed(t).Seal(Label{Service: "billing"}, messages.NewSecret(canary))
	if bytes.Contains(box.data, []byte(canary)) || !box.plain.IsZero() {
		t.Error("the box holds the plain text")
	}
}

func TestEveryBoxHasANonceOfItsOwn(t *testing.T) {
	v, l := sealed(t), Label{Service: "billing", Generation: 1}
	a, b := v.Seal(l, messages.NewSecret(canary)), v.Seal(l, messages.NewSecret(canary))
	if bytes.Equal(a.data, b.data) {
		t.Error("the same secret sealed twice gave the same box")
	}
}

func TestATamperedBoxDoesNotOpen(t *testing.T) {
	box := sealed(t).Seal(Label{Service: "billing", Part: ProviderState, Generation: 1}, messages.NewSecret(canary))
	for i := range box.data {
		for bit := range 8 {
			changed := box
			changed.data = bytes.Clone(box.data)
			changed.data[i] ^= 1 << bit
			if _, err := changed.Open(); err == nil {
				t.Fatalf("opened with bit %d of byte %d flipped", bit, i)
			}
			if text, err := changed.AppendTo([]byte("is: ")); err == nil || string(text) != "is: " {
				t.Fatalf("appended %q with bit %d of byte %d flipped", text, bit, i)
			}
		}
	}
}

func TestABoxOpensUnderItsOwnLabelOnly(t *testing.T) {
	v := sealed(t)
	box := v.Seal(Label{Service: "billing", Part: AccessToken, Generation: 1}, messages.NewSecret(canary))
	for name, other := range map[string]Label{
		"another service":    {Service: "erp", Part: AccessToken, Generation: 1},
		"another generation": {Service: "billing", Part: AccessToken, Generation: 2},
		"another part":       {Service: "billing", Part: ProviderState, Generation: 1},
		"a longer name":      {Service: "billing2", Part: AccessToken, Generation: 1},
	} {
		label := other.bytes(0)
		moved := Sealed{key: box.key, data: append(label, box.data[box.label:]...), label: len(label)}
		if _, err := moved.Open(); err == nil {
			t.Errorf("opened as %s", name)
		}
	}
}

func TestABoxPrintsRedacted(t *testing.T) {
	for _, memory := range []string{MemorySealed, MemoryPlain} {
		v, err := New(memory)
		if err != nil {
			t.Fatal(err)
		}
		rec := &Record{AccessToken: v.Seal(Label{Service: "billing"}, messages.NewSecret(canary))}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
			for _, text := range []string{fmt.Sprintf(verb, rec), fmt.Sprintf(verb, rec.AccessToken), fmt.Sprintf(verb, v)} {
				if strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
					t.Errorf("memory %s, %s: %s", memory, verb, text)
				}
			}
		}
		if text, err := rec.AccessToken.MarshalText(); err != nil || string(text) != messages.Redacted {
			t.Errorf("MarshalText() = %s, %v", text, err)
		}
	}
}

func TestAWornKeyIsReplaced(t *testing.T) {
	v := sealed(t)
	before := v.Seal(Label{}, messages.NewSecret(canary))
	v.key.Load().seals.Store(sealsPerKey - 1)
	after := v.Seal(Label{}, messages.NewSecret(canary))
	if before.key == after.key {
		t.Error("the key was not replaced")
	}
	for _, box := range []Sealed{before, after} {
		if got, err := box.Open(); err != nil || got.Reveal() != canary {
			t.Errorf("opened %v, %v", got, err)
		}
	}
}

func TestAnEmptySecretNeedsNoBox(t *testing.T) {
	box := sealed(t).Seal(Label{}, messages.Secret{})
	if got, err := box.Open(); err != nil || !got.IsZero() || !box.IsZero() {
		t.Errorf("opened %v, %v", got, err)
	}
}

func TestUnknownMemoryIsRefused(t *testing.T) {
	if _, err := New("locked"); err == nil || !strings.Contains(err.Error(), "locked") {
		t.Errorf("err = %v", err)
	}
}

func TestNothingStaysWhereASecretWasOpened(t *testing.T) {
	v, err := New(MemorySealed)
	if err != nil {
		t.Fatal(err)
	}
	for _, length := range []int{40, longestScratch / 2, 10, longestScratch + 1, 20} {
		scratch := new([]byte)
		for _, box := range []Sealed{
			v.Seal(Label{Service: "billing"}, messages.NewSecret(strings.Repeat("x", length))),
			v.Seal(Label{Service: "billing"}, messages.NewSecret(strings.Repeat("y", length/2))),
		} {
			secret, err := box.openIn(scratch)
			if err != nil || strings.Trim(secret.Reveal(), "xy") != "" || secret.IsZero() {
				t.Fatalf("%d bytes: %v", length, err)
			}
			if left := bytes.Trim((*scratch)[:cap(*scratch)], "\x00"); len(left) > 0 || cap(*scratch) > longestScratch {
				t.Errorf("%d bytes: %d are left of %d", length, len(left), cap(*scratch))
			}
		}
		box := v.Seal(Label{Service: "billing"}, messages.NewSecret(strings.Repeat("z", length)))
		box.data[len(box.data)-1] ^= 1
		if _, err := box.openIn(scratch); err == nil || bytes.Contains((*scratch)[:cap(*scratch)], []byte("z")) {
			t.Errorf("of a box that was changed: %v", err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	v, err := New(MemorySealed)
	if err != nil {
		b.Fatal(err)
	}
	box := v.Seal(Label{Service: "billing"}, messages.NewSecret(strings.Repeat("x", 1024)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := box.Open(); err != nil {
			b.Fatal(err)
		}
	}
}
