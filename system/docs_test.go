package system

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tokend/config"
)

// exampleFiles are what the examples of docs/providers.md refer to.
func exampleFiles(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	private := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	account, err := json.Marshal(map[string]string{
		"type": "service_account", "private_key": private, "private_key_id": "1",
		"client_email": "robot@example", "token_uri": "https://idp.example/token",
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"client.key": private, "service-account.json": string(account), "login": "hush\n", "password": "hush\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "cloud-cli"), nil, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	return dir
}

// TestEveryProviderHasOneExampleThatWorks makes a system of each example: what only
// a provider's constructor knows, such as whether a key can be used, is checked too.
func TestEveryProviderHasOneExampleThatWorks(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "providers.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := exampleFiles(t)
	environ := func() []string { return []string{"CLIENT_SECRET=hush", "LEGACY_TOKEN=hush"} }
	var kinds []string
	section := regexp.MustCompile("(?s)\n## ([a-z_]+)\n\n```yaml\n(.*?)```")
	for _, m := range section.FindAllStringSubmatch(string(text), -1) {
		kinds = append(kinds, m[1])
		cfg, err := config.Parse([]byte(m[2]), config.WithDir(dir), config.WithEnviron(environ), config.WithKinds())
		if err != nil {
			t.Errorf("%s: %v", m[1], err)
			continue
		}
		for name, svc := range cfg.Services {
			if svc.Provider != m[1] {
				t.Errorf("%s stands in the section on %s", name, m[1])
			}
		}
		sys, err := New(cfg)
		if err != nil {
			t.Errorf("%s: %v", m[1], err)
			continue
		}
		_ = sys.Stop(t.Context())
	}
	if !slices.Equal(kinds, config.BuiltIn()) || strings.Count(string(text), "```yaml") != len(kinds)+len(shapes) {
		t.Errorf("examples of %q, but the kinds are %q", kinds, config.BuiltIn())
	}
}
