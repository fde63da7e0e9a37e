package system

import (
	"tokend/actors/vault/disk"
	"tokend/config"
)

// InspectVault lists what is kept in the file that cfg names, by service, without
// secrets. No System may run on it. It changes nothing.
func InspectVault(cfg *config.Config) ([]disk.Entry, error) {
	st, err := storageOf(cfg)
	if err != nil {
		return nil, err
	}
	defer st.wipe()
	return st.options().Inspect()
}

// RotateVault gives the file that cfg names a new data key, wrapped by the first
// of the configured keys, and seals everything in it anew; it returns how many
// records there are. No System may run on it.
func RotateVault(cfg *config.Config) (int, error) {
	st, err := storageOf(cfg)
	if err != nil {
		return 0, err
	}
	defer st.wipe()
	return st.options().Rotate()
}

func storageOf(cfg *config.Config) (storage, error) {
	if cfg.Vault.Path == "" {
		return storage{}, &config.FieldError{Path: "vault.path", Message: "required: without it nothing is kept"}
	}
	return newStorage(cfg.Vault)
}
