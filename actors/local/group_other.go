//go:build !unix

package local

import "os/exec"

// inherited are the variables that a command gets.
var inherited = []string{"PATH", "HOME", "USERPROFILE", "LANG", "SYSTEMROOT"}

// runGroup runs cmd. There are no process groups here, so what it starts is its
// own business.
func runGroup(cmd *exec.Cmd) error { return cmd.Run() }
