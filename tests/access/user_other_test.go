//go:build !unix

package access

import (
	"os/exec"
	"testing"
)

func asUser(*exec.Cmd, uint32, uint32) {}

func needRoot(t *testing.T) {
	t.Helper()
	t.Skip("NOT TESTED: there are no Unix users here")
}

func needDescriptors(*testing.T, uint64) {}
