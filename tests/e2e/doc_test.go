// Package e2e has programs of other authors, unmodified, use the tokens that a node
// keeps: Prometheus, nginx, curl, git, skopeo, docker, and what is built with client-go
// or go-containerregistry. Each asks a server that takes tokens that live, and nothing
// else. It also has the tools and types of Prometheus, systemd and Kubernetes judge
// what deploy/ holds.
//
// It is a module of its own, so that these libraries are no dependency of tokend. A
// program that is not installed skips its test and says so; make e2e installs them as
// root, but for docker.
package e2e
