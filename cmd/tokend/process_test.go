package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
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

func TestHangupsDoNotEndANodeThatFails(t *testing.T) {
	code, stderr := nodeRun(t.Context(), t, "serve", "--config", "there-is-none.yaml")
	if code != exitUsage || !signal.Ignored(syscall.SIGHUP) {
		t.Errorf("code %d, ignored: %v, %q", code, signal.Ignored(syscall.SIGHUP), stderr)
	}
}

// failures are starts that fail, by what is wrong.
var failures = map[string]struct {
	yaml string
	code int
	want []string
}{
	"not YAML":              {"log: {format: json}\n\tx", exitUsage, []string{"c.yaml: line 2", "tab"}},
	"one mistake":           {"services: {a: {provider: static, token: abc, tokne: b}}", exitUsage, []string{"services.a.tokne: "}},
	"several mistakes":      {"services: {a: {provider: static}, b: {provider: nowhere}}", exitUsage, []string{"services.a.token: ", "; ", "services.b.provider: "}},
	"an address in use":     {"listen: [\"tcp://ADDRESS\"]\nservices: {a: {provider: static, token: abc}}", exitFailed, []string{"the port is taken"}},
	"no place for a vault":  {"listen: [\"tcp://127.0.0.1:0\"]\nvault: {path: /dev/null/v, keys: [QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=]}\nservices: {a: {provider: static, token: abc}}", exitUsage, []string{"vault"}},
	"no place for an audit": {"audit: {path: none/audit}\nservices: {a: {provider: static, token: abc}}", exitUsage, []string{"audit.path: "}},
}

// TestAStartThatFailsIsOneLineOfJSON has the log be JSON by the file, and by a flag.
func TestAStartThatFailsIsOneLineOfJSON(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for name, tt := range failures {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "c.yaml")
			yaml := strings.ReplaceAll(tt.yaml, "ADDRESS", taken.Addr().String())
			for _, way := range []struct{ head, flag string }{{"log: {format: json, level: error}\n", "--listen"}, {"", "--log-format"}} {
				args := []string{"serve", "--config", file}
				switch {
				case way.flag == "--log-format":
					args = append(args, way.flag, "json", "--log-level", "error")
				case strings.HasPrefix(tt.yaml, "log:"):
					continue // a file that is no YAML says nothing of the log
				}
				if err := os.WriteFile(file, []byte(way.head+yaml), 0o600); err != nil {
					t.Fatal(err)
				}
				code, stderr := nodeRun(t.Context(), t, args...)
				var line struct{ Level, Msg, Error, Code, Time string }
				if err := json.Unmarshal([]byte(stderr), &line); err != nil || strings.Count(stderr, "\n") != 1 || code != tt.code {
					t.Fatalf("code %d, %v, it says %q", code, err, stderr)
				}
				if line.Level != "error" || line.Msg == "" || line.Code == "" || line.Time == "" {
					t.Errorf("%+v", line)
				}
				for _, want := range tt.want {
					if !strings.Contains(line.Error, want) {
						t.Errorf("%q is not in %q", want, line.Error)
					}
				}
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
