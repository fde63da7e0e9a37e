//go:build !unix

package main

import (
	"context"
	"os"
)

// replace runs the command until it ends: here no process can become another.
func (c *child) replace() error { return c.supervise(context.Background(), &execCommand{}) }

func passedOn() []os.Signal { return []os.Signal{os.Interrupt} }

func ends(s os.Signal) bool { return s == os.Interrupt }

// alreadyHas: whatever shares the console gets Ctrl+C.
func alreadyHas(os.Signal) bool { return true }

func terminate(p *os.Process) error { return p.Kill() }

// signalNamed: there are no signals here.
func signalNamed(string) os.Signal { return nil }

func exitCode(s *os.ProcessState) int { return s.ExitCode() }
