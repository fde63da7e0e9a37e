package disk

import (
	"bytes"
	"testing"

	"tokend/actors/vault"
	"tokend/messages"
)

// FuzzUnpack looks for bytes that are taken for a record and are none.
func FuzzUnpack(f *testing.F) {
	d, key := newDataKey(nil), vault.Key{Service: "billing"}
	good, err := d.pack(key, header{1, 2, 3}, content{AccessToken: []byte("token")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:headerSize])
	f.Add([]byte{recordFormat})
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, value []byte) {
		if _, _, err := d.unpack(key, value); err == nil && !bytes.Equal(value, good) {
			t.Errorf("%x opens", value)
		}
		if _, _, err := unwrap(value, []Key{newTestKey(t)}); err == nil {
			t.Errorf("%x is a wrapped key", value)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add(NewKey().Reveal())
	f.Add("0f0f")
	f.Add("====")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := ParseKey(messages.NewSecret(text))
		if (err == nil) != k.usable() {
			t.Errorf("key %v, error %v", k.usable(), err)
		}
	})
}
