package disk

import (
	"errors"
	"reflect"
	"testing"
)

func TestAWipedKeyOpensNothing(t *testing.T) {
	b := filled(t)
	k := b.keys[0]
	expanded := reflect.ValueOf(k.secret.aead).Field(0).Elem()
	if expanded.IsZero() {
		t.Fatal("this is not where the expanded key is")
	}
	b.keys[0].Wipe()
	if !expanded.IsZero() {
		t.Error("the expanded key is still there")
	}
	if k.usable() {
		t.Error("a copy of the key was not wiped")
	}
	k.Wipe() // again
	if _, err := Open(b.options()); !errors.Is(err, errNoKeys) {
		t.Errorf("opened with a wiped key: %v", err)
	}
	b.keys = append([]Key{newTestKey(t)}, b.keys...)
	b.fails(errWrongKey)
	if !k.Same(b.keys[1]) || k.Same(b.keys[0]) {
		t.Error("wiped keys cannot be compared")
	}
}
