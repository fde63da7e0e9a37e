//go:build unix

package httpapi

import (
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestASocketIsPermittedToOthersInItsPlace(t *testing.T) {
	path := socketPath(t)
	at := Endpoint{Address: unixScheme + path}
	l := listenAt(t, at)
	group := strconv.Itoa(os.Getgid())
	for _, e := range []Endpoint{
		{Mode: 0o666}, {}, {Mode: 0o660, Group: group}, {Mode: 0o666, Group: group}, {Mode: 0o620},
	} {
		if err := Permit(l, e); err != nil {
			t.Fatal(err)
		}
		want := e.Mode
		if want == 0 {
			want = 0o600
		}
		if got := modeOf(t, path); got != fs.ModeSocket|want {
			t.Errorf("mode %s, want %s", got, want)
		}
		reach(t, l)
	}
	if err := Permit(l, Endpoint{Mode: 0o666, Group: "there-is-no-such-group"}); err == nil || modeOf(t, path).Perm() != 0o600 {
		t.Errorf("error %v, mode %s", err, modeOf(t, path))
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Permit(l, Endpoint{Mode: 0o666}); err == nil || modeOf(t, path) != 0o600 {
		t.Errorf("another's file: error %v, mode %s", err, modeOf(t, path))
	}
}

func TestAPortHasNoMode(t *testing.T) {
	l := listenAt(t, Endpoint{Address: "tcp://127.0.0.1:0"})
	if err := Permit(l, Endpoint{Mode: 0o666}); err == nil || !strings.Contains(err.Error(), "Unix sockets only") {
		t.Errorf("error %v", err)
	}
}
