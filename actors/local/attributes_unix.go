//go:build unix && !linux

package local

import "syscall"

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func pin() func() { return func() {} }
