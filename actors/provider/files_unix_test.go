//go:build unix

package provider

import (
	"path/filepath"
	"syscall"
	"testing"

	"tokend/messages"
)

// A pipe that nobody writes to would hold up an acquisition for good.
func TestFilesThatMightNeverEndAreNotRead(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, setting := range map[string]TLS{
		"tls.ca_file":   {CAFile: pipe},
		"tls.cert_file": {CertFile: pipe, KeyFile: pipe},
	} {
		settings := client(t, "https://127.0.0.1:1/")
		settings.TLS = setting
		wantFailure(t, failure(t, mustClient(t, settings)), messages.ClassTransient, name+": "+pipe+": not a regular file")
	}
}
