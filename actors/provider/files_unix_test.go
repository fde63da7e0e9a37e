//go:build unix

package provider

import (
	"os"
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
	f, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if text, err := readAll(f, maxPEM); err != errNoFile {
		t.Errorf("a pipe that took a file's place: %q, %v", text, err)
	}
}

func TestFilesThatAreTooLargeAreNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(path, make([]byte, 11), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readFile(path, 10); err == nil || err.Error() != "larger than 10 bytes" {
		t.Error(err)
	}
	if text, err := readFile(path, 11); err != nil || len(text) != 11 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}
