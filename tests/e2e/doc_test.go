// Package e2e has programs of other authors, unmodified, use the tokens that a node
// keeps: Prometheus, nginx, curl, git and what is built with client-go. Each asks a
// server that takes tokens that live, and nothing else. It also has Prometheus' and
// systemd's own tools judge what deploy/ holds.
//
// It is a module of its own, so that client-go is no dependency of tokend. A program
// that is not installed skips its test and says so; make e2e installs them as root.
package e2e
