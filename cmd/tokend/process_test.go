package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"tokend/config"
)

// nodeRun runs a node in this process; what that does to the process is undone.
func nodeRun(ctx context.Context, t *testing.T, args ...string) (code int, stderr string) {
	t.Helper()
	t.Cleanup(func() { signal.Reset(syscall.SIGHUP) })
	var out, errs bytes.Buffer
	p := program{stdout: &out, stderr: &errs, getenv: func(string) string { return "" }}
	code = run(ctx, p, args)
	return code, errs.String()
}

func TestHangupsAreIgnoredBeforeAnythingElse(t *testing.T) {
	for name, args := range map[string][]string{
		"serve": {"serve", "--config", "there-is-none.yaml"},
		"dev":   {"dev", "--listen", "foo"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stderr := nodeRun(t.Context(), t, args...)
			if code != exitUsage || !signal.Ignored(syscall.SIGHUP) {
				t.Errorf("code %d, ignored: %v, %q", code, signal.Ignored(syscall.SIGHUP), stderr)
			}
		})
	}
}

func TestASignalDuringTheStartIsNoFailure(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "c.yaml")
	if err := os.WriteFile(file, []byte("services: {a: {provider: static, token: abc}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"serve": {"serve", "--config", file, "--log-level", "error", "--listen", "tcp://127.0.0.1:0"},
		"dev":   {"dev", "--listen", "tcp://127.0.0.1:0"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if code, stderr := nodeRun(ctx, t, args...); code != exitOK || stderr != "" {
				t.Errorf("code %d, %q", code, stderr)
			}
		})
	}
}

func TestASignalWhileASocketIsLookedAtIsNoFailure(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no Unix sockets")
	}
	dir, err := os.MkdirTemp("", "tokend") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	if err := stale.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if code, stderr := nodeRun(ctx, t, "dev", "--listen", "unix://"+path); code != exitOK || stderr != "" {
		t.Errorf("code %d, %q", code, stderr)
	}
}

func TestCoreDumpsThatStayOnAreTold(t *testing.T) {
	t.Cleanup(func() { signal.Reset(syscall.SIGHUP) })
	log, told := announcing("core dumps cannot be turned off: a crash may write tokens to a file")
	tell := program{noCoreDumps: func() error { return errors.New("not here") }}.becomeNode()
	tell(log)
	select {
	case <-told:
	default:
		t.Error("nobody is told")
	}
}

func TestTheDemosIdPIsGuarded(t *testing.T) {
	idp, stop, err := startIdP(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	cfg, err := config.Parse(idp.Config())
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, cfg.Services["billing"].ClientCredentials.TokenURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "http://evil.example")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("status %d", resp.StatusCode)
	}
}
