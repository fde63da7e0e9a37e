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
