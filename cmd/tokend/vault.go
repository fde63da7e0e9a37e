package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"tokend/actors/vault/disk"
	"tokend/config"
	"tokend/system"
)

const vaultHelp = `vault works on the file in which a node keeps its tokens over a restart, which
is vault.path of the configuration. The node must not be running.

  tokend vault key new >vault.key                  a key for vault.keys
  tokend vault list --config tokend.yaml           what is kept
  tokend vault verify --config tokend.yaml         whether all of it can be read
  tokend vault key rotate --config tokend.yaml     seal all of it anew

Exit codes: 0 ok, 1 failed, 2 wrong usage or configuration.`

const vaultListHelp = `list prints one line for each record: the service, how many tokens it has had,
the fingerprint of the one that is kept, when that was made and dies, whether
something is kept that the provider wants to have again, and the class of the
last failure. It prints no secret and changes nothing.

  tokend vault list --config tokend.yaml

--output json prints the same as JSON.

Exit codes: 0 printed; 1 the file cannot be opened, such as while a node has it
open; 2 wrong usage or configuration.`

const vaultVerifyHelp = `verify reads every record and says which cannot be read, or were set aside by a
node because they could not. It changes nothing.

  tokend vault verify --config tokend.yaml

--output json prints how many records there are, and how many of them are
damaged.

Exit codes: 0 all are well; 1 some are not, or the file cannot be opened; 2
wrong usage or configuration.`

const vaultKeyHelp = `key makes keys and changes those of a file. vault.keys holds one or several: the
first seals, and all of them open. To replace a key, put the new one first,
start the node once, or rotate, and take the old one out.

  tokend vault key new >vault.key
  tokend vault key rotate --config tokend.yaml

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.`

const vaultKeyNewHelp = `new prints a new random key for vault.keys, 32 bytes in base64. Keep it where
only the node can read it, and not beside the file that it opens. A key that is
there already is not replaced by this, or what it has sealed would be lost:

  (umask 077; set -C; tokend vault key new >/etc/tokend/vault.key)

Exit codes: 0 printed, 2 wrong usage.`

const vaultKeyRotateHelp = `rotate gives the file a new data key, which the first of vault.keys wraps, and
seals every record anew. A new file takes the place of the old one, so that
nothing that was sealed before remains in it. A record that cannot be read ends
it, and nothing is changed. Stop the node first.

  tokend vault key rotate --config tokend.yaml

--output json prints how many records there are.

Exit codes: 0 sealed anew, 1 nothing was changed, 2 wrong usage or
configuration.`

func newVault(p program) *cobra.Command {
	cmd := group("vault COMMAND", "Work on the file that tokens are kept in", vaultHelp)
	cmd.AddCommand(newVaultList(p), newVaultVerify(p), newVaultKey(p))
	return cmd
}

func newVaultKey(p program) *cobra.Command {
	cmd := group("key COMMAND", "Make keys, or change those of the file", vaultKeyHelp)
	cmd.AddCommand(&cobra.Command{
		Use:   "new",
		Short: "Print a new key",
		Long:  vaultKeyNewHelp,
		Args:  noArgument(""),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(p.stdout, disk.NewKey().Reveal())
			return err
		},
	}, newVaultKeyRotate(p))
	return cmd
}

// group returns a command that only has commands.
func group(use, short, long string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long,
		SuggestionsMinimumDistance: 2,
		Args:                       usage(knownCommand),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usageError(fmt.Sprintf("a command is missing; see %s --help", cmd.CommandPath()))
		},
	}
}

func newVaultKeyRotate(p program) *cobra.Command {
	var output string
	cmd := onVault(p, "rotate", "Seal everything anew under a new data key", vaultKeyRotateHelp, func(cfg *config.Config) error {
		if err := oneOf(output, "text", "json"); err != nil {
			return err
		}
		n, err := system.RotateVault(cfg)
		if err != nil {
			return p.vaultFailure(err)
		}
		return p.tell(output, fmt.Sprintf("%s: sealed anew, records: %d", cfg.Vault.Path, n), vaultCount{Records: n})
	})
	addOutput(cmd, &output)
	return cmd
}

func newVaultVerify(p program) *cobra.Command {
	var output string
	cmd := onVault(p, "verify", "Look whether everything can be read", vaultVerifyHelp, func(cfg *config.Config) error {
		if err := oneOf(output, "text", "json"); err != nil {
			return err
		}
		entries, err := system.InspectVault(cfg)
		if err != nil {
			return p.vaultFailure(err)
		}
		return p.verified(output, cfg.Vault.Path, entries)
	})
	addOutput(cmd, &output)
	return cmd
}

// verified tells which records are damaged.
func (p program) verified(output, file string, entries []disk.Entry) error {
	count, text := vaultCount{Records: len(entries)}, fmt.Sprintf("%s: all can be read, records: %d", file, len(entries))
	for _, e := range entries {
		if e.Err != nil {
			count.Damaged++
			complain(p.stderr, "damaged", e.Key.Service+": "+note(e))
		}
	}
	if count.Damaged == 0 {
		return p.tell(output, text, count)
	}
	if output == "json" {
		if err := p.writeJSON(count); err != nil {
			return err
		}
	}
	return reported(exitFailed)
}

// vaultCount is what became of the records as JSON.
type vaultCount struct {
	Records int `json:"records"`
	Damaged int `json:"damaged"` // of them
}

// tell prints text, or with json the value that says the same.
func (p program) tell(output, text string, value any) error {
	if output == "json" {
		return p.writeJSON(value)
	}
	_, err := fmt.Fprintln(p.stdout, text)
	return err
}

func newVaultList(p program) *cobra.Command {
	var output string
	cmd := onVault(p, "list", "Print what is kept, without secrets", vaultListHelp, func(cfg *config.Config) error {
		if err := oneOf(output, "text", "json"); err != nil {
			return err
		}
		entries, err := system.InspectVault(cfg)
		if err != nil {
			return p.vaultFailure(err)
		}
		if output == "json" {
			return json.NewEncoder(p.stdout).Encode(vaultRecords(entries))
		}
		rows := [][]string{{"SERVICE", "GENERATION", "FINGERPRINT", "CREATED", "EXPIRES", "STATE", "LAST ERROR"}}
		for _, e := range entries {
			rows = append(rows, vaultRow(e, time.Now()))
		}
		return p.paintFor(p.stdout).table(p.stdout, rows, inColumn(6))
	})
	addOutput(cmd, &output)
	return cmd
}

// onVault returns a command that does something with a configuration's vault.
func onVault(p program, name, short, long string, do func(*config.Config) error) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   name + " --config FILE",
		Short: short,
		Long:  long,
		Args:  noArgument(configInstead),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return usageError(fmt.Sprintf("--config FILE is missing; see %s --help", cmd.CommandPath()))
			}
			cfg, err := config.Load(file, config.WithKinds())
			if err != nil {
				return p.invalidConfig(err)
			}
			return do(cfg)
		},
	}
	addConfig(cmd, &file)
	return cmd
}

// vaultFailure tells a mistake of the configuration from a file that cannot be
// used.
func (p program) vaultFailure(err error) error {
	if config.Errors(err) != nil {
		return p.invalidConfig(err)
	}
	return unavailable(err)
}

func vaultRow(e disk.Entry, now time.Time) []string {
	if e.Err != nil {
		return []string{e.Key.Service, "", "", "", "", "", note(e)}
	}
	expires := from(e.ExpiresAt, now)
	if e.Fingerprint != "" && e.ExpiresAt.IsZero() {
		expires = "never"
	}
	state := ""
	if e.State {
		state = "yes"
	}
	return []string{e.Key.Service, strconv.FormatUint(e.Generation, 10), e.Fingerprint, from(e.CreatedAt, now), expires, state, e.Failure}
}

func note(e disk.Entry) string {
	if e.Aside {
		return "set aside, it could not be read"
	}
	return e.Err.Error()
}

// vaultRecord is a record as JSON.
type vaultRecord struct {
	Service     string    `json:"service"`
	Generation  uint64    `json:"generation,omitempty"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	CreatedAt   time.Time `json:"created_at,omitzero"`
	ExpiresAt   time.Time `json:"expires_at,omitzero"`
	State       bool      `json:"state"`
	Class       string    `json:"class,omitempty"`
	Damaged     string    `json:"damaged,omitempty"`
}

func vaultRecords(entries []disk.Entry) map[string][]vaultRecord {
	records := []vaultRecord{}
	for _, e := range entries {
		r := vaultRecord{
			Service: e.Key.Service, Generation: e.Generation, Fingerprint: e.Fingerprint,
			CreatedAt: e.CreatedAt, ExpiresAt: e.ExpiresAt, State: e.State, Class: e.Failure,
		}
		if e.Err != nil {
			r.Damaged = note(e)
		}
		records = append(records, r)
	}
	return map[string][]vaultRecord{"records": records}
}
