//go:build !unix

package sink

import (
	"os"
	"os/exec"
)

// apart does nothing: on this platform the program alone is killed.
func apart(*exec.Cmd) {}

// signals are those that a hook may send: none on this platform.
var signals map[string]os.Signal
