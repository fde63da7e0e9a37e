package system

import (
	"context"
	"path/filepath"
	"testing"

	"tokend/config"
)

func TestTheKeysOfTheVaultAreWipedOnceItIsOpen(t *testing.T) {
	key := config.NewSecret("6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b")
	cfg := &config.Config{Vault: config.Vault{Path: filepath.Join(t.TempDir(), "v", "tokens"), Keys: []config.Secret{key}}}
	sys, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := sys.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sys.Stop(context.Background()) }()
	if !sys.services.Load().storage.keys[0].Wiped() {
		t.Error("the key is in memory after the start")
	}
	if err := sys.Apply(t.Context(), cfg); err != nil {
		t.Errorf("the same configuration again: %v", err)
	}
	if !sys.services.Load().storage.keys[0].Wiped() {
		t.Error("the key is in memory after an Apply")
	}
}

func TestKeysThatOpenNoVaultAreWiped(t *testing.T) {
	key := config.NewSecret("6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b")
	st, err := newStorage(config.Vault{Path: "v", Keys: []config.Secret{key, config.NewSecret("none")}})
	if err == nil || !st.keys[0].Wiped() {
		t.Errorf("beside one that is none: %v", err)
	}
	sys := newSystem(t, &config.Config{Vault: config.Vault{Path: filepath.Join(t.TempDir(), "v", "tokens"), Keys: []config.Secret{key}}})
	if err := sys.Stop(t.Context()); err != nil || !sys.services.Load().storage.keys[0].Wiped() {
		t.Errorf("of a System that was not started: %v", err)
	}
}
