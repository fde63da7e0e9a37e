package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tokend/config"
)

// TestWrittenFilesOnOtherFiles puts what a node writes on top of one another, and on
// files that it reads.
func TestWrittenFilesOnOtherFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(".", filepath.Join(dir, "here")); err != nil {
		t.Fatal(err)
	}
	cert, key := certificate(t, dir, "server")
	vault := "vault: {path: v, keys: [" + strings.Repeat("6b", 32) + "]}\n"
	doors := "listen: [\"unix://DIR/s\", {address: \"tcp://127.0.0.1:0\", tls: {cert_file: " + cert + ", key_file: " + key + "}}]\n"
	for name, c := range map[string]struct{ text, want string }{
		"the audit is the vault":             {vault + "audit: {path: here/v}", "audit.path: is the file of the vault"},
		"the audit is the configuration":     {"audit: {path: tokend.yaml}", "audit.path: is the file of the configuration"},
		"the audit is a socket":              {doors + "audit: {path: s}", "audit.path: is the file of a listener"},
		"the audit is a key":                 {doors + "audit: {path: " + key + "}", "audit.path: is the file of a TLS setting"},
		"the vault is the configuration":     {strings.Replace(vault, "path: v", "path: tokend.yaml", 1), "vault.path: is the file of the configuration"},
		"the vault is the lock of a socket":  {doors + strings.Replace(vault, "path: v", "path: s.lock", 1), "vault.path: is the file of a listener"},
		"a sink is the audit":                {"audit: {path: out}", "services.s.sinks[0].path: is the file of the audit"},
		"the audit is a sink's digest":       {"audit: {path: .out.tokend}", "audit.path: is the file of another sink"},
		"a sink is a listener's certificate": {strings.Replace(doors, cert, "out", 1), "services.s.sinks[0].path: is the file of a TLS setting"},
		"the audit is no file":               {"audit: {path: stdout}", ""},
		"all are apart":                      {doors + vault + "audit: {path: a}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.ReplaceAll(c.text, "DIR", dir) + "\nservices: {s: {provider: static, token: hush, sinks: [{path: out}]}}"
			file := filepath.Join(dir, "tokend.yaml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := config.Load(file)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("err = %v", err)
			}
		})
	}
}
