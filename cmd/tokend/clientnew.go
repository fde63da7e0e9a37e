package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"tokend/config"
	"tokend/messages"
	"tokend/system/access"
)

const clientHelp = `client makes keys for programs that ask a node over TCP.

  tokend client new ci --services billing --out ci.key

Exit codes: 0 ok, 2 wrong usage.`

const clientNewHelp = `new makes a key of 256 random bits for a client, and prints what of it goes into
the configuration: a hash, from which nobody gets the key.

  tokend client new ci --services 'billing,erp-*' --verbs get,info --out ci.key
  tokend client new ci >ci.key

With --out the key goes into a new file that only its owner can read, and the
lines for the configuration to stdout. Without it the key goes to stdout, unless
that is a terminal, and the lines to stderr. The key cannot be printed again. A
client command takes it by --key-file or TOKEND_KEY_FILE, and any other program
sends it as "Authorization: Bearer KEY".

Exit codes: 0 there is a key; 2 wrong usage, or a FILE that cannot be made.`

type clientNew struct {
	program
	services, verbs []string
	out             string
}

func newClient(p program) *cobra.Command {
	cmd := group("client COMMAND", "Make keys for clients of a node", clientHelp)
	cmd.AddCommand(newClientNew(p))
	return cmd
}

func newClientNew(p program) *cobra.Command {
	c := &clientNew{program: p}
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Make a key",
		Long:  clientNewHelp,
		Args:  usage(oneName),
		RunE:  func(_ *cobra.Command, args []string) error { return c.run(args[0]) },
	}
	cmd.Flags().StringSliceVar(&c.services, "services", nil, "grant `GLOBS`, such as billing,erp-*; may be repeated")
	cmd.Flags().StringSliceVar(&c.verbs, "verbs", []string{"get"}, "grant `VERBS`: "+strings.Join(config.Verbs(), ", "))
	cmd.Flags().StringVar(&c.out, "out", "", "write the key to `FILE`, which must not exist")
	return cmd
}

// oneName wants the name of one client.
func oneName(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("exactly one client must be named, not %d", len(args))
	}
	return nil
}

func (c *clientNew) run(name string) error {
	key, hash := access.NewKey()
	client := config.Client{Name: name, KeyHash: hash, Grants: []config.Grant{{Services: c.services, Verbs: c.verbs}}}
	if err := c.check(client); err != nil {
		return err
	}
	if c.out != "" {
		if err := writeKey(c.out, key); err != nil {
			return usageError("--out: " + err.Error())
		}
		_, err := fmt.Fprint(c.stdout, snippet(client))
		return err
	}
	if isTerminal(c.stdout) {
		return usageError("the key would stay on the screen: name a file by --out, or redirect the output")
	}
	if _, err := fmt.Fprint(c.stderr, snippet(client)); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.stdout, key.Reveal())
	return err
}

// check judges as the configuration will. Services may be left to be written by
// hand.
func (c *clientNew) check(client config.Client) error {
	if len(c.services) == 0 {
		client.Grants[0].Services = []string{"*"}
		defer func() { client.Grants[0].Services = nil }()
	}
	mistakes := config.Errors((&config.Config{Clients: []config.Client{client}}).Validate())
	if len(mistakes) == 0 {
		return nil
	}
	return usageError(strings.TrimPrefix(mistakes[0].Error(), "clients[0]."))
}

// snippet returns the lines for a configuration. What was not said is no name of a
// service, so that check asks for it.
func snippet(c config.Client) string {
	services := c.Grants[0].Services
	if len(services) == 0 {
		services = []string{"SERVICE"}
	}
	var quoted []string
	for _, s := range services {
		quoted = append(quoted, `"`+s+`"`)
	}
	return fmt.Sprintf("clients:\n  - name: %s\n    key_hash: %s\n    grants: [{services: [%s], verbs: [%s]}]\n",
		c.Name, c.KeyHash, strings.Join(quoted, ", "), strings.Join(c.Grants[0].Verbs, ", "))
}

// writeKey never replaces a file: it might be another key.
func writeKey(file string, key messages.Secret) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists and is not replaced", file)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, key.Reveal())
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(file))
	}
	return nil
}
