package httpapi

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// networkEnv is set in a process that has a network of its own: to what that lacks.
const networkEnv = "TOKEND_TEST_NETWORK"

// TestAMachineWithOneLoopbackAddress listens in networks that lack the other one.
func TestAMachineWithOneLoopbackAddress(t *testing.T) {
	if lacks := os.Getenv(networkEnv); lacks != "" {
		listenWithout(t, lacks)
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: only root can make a network; run the tests as root too")
	}
	for _, lacks := range []string{"::1", "127.0.0.1", "both"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), networkEnv+"="+lacks)
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("without %s: %v\n%s", lacks, err, out)
		}
	}
}

func listenWithout(t *testing.T, lacks string) {
	if err := loseLoopback(lacks); err != nil {
		t.Fatal(err)
	}
	l, err := Listen(t.Context(), Endpoint{Address: "tcp://localhost:0"})
	if lacks == "both" {
		if err == nil {
			t.Errorf("listens at %s", l.Addr())
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	want := map[string]string{"::1": "127.0.0.1", "127.0.0.1": "::1"}[lacks]
	if got := l.Addr().(*net.TCPAddr).IP.String(); got != want {
		t.Errorf("listens at %s", got)
	}
}

// loseLoopback brings a new network's loopback up without one of its addresses, or both.
func loseLoopback(lacks string) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(s) }()
	if lacks != "127.0.0.1" {
		err = os.WriteFile("/proc/sys/net/ipv6/conf/lo/disable_ipv6", []byte("1"), 0o600)
		if errors.Is(err, os.ErrNotExist) { // there is no IPv6 at all
			err = nil
		}
	}
	lo, failed := unix.NewIfreq("lo")
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, lo); err != nil || lacks == "::1" {
		return err
	}
	if err := lo.SetInet4Addr([]byte{0, 0, 0, 0}); err != nil {
		return err
	}
	return unix.IoctlIfreq(s, unix.SIOCSIFADDR, lo)
}
