package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tokend/messages"
	"tokend/system/access"
)

const (
	contestService = "pager"
	contestPath    = "/v1/token/" + contestService
)

// contest is a node, with clients and metrics as everybody has them, and a bare
// server that gives the node's answers. Each is a process of its own, with a loopback
// port and a Unix socket.
type contest struct {
	dir        string // of programs and sockets
	key        messages.Secret
	node, bare *child
	nodePort   string
	barePort   string
}

func openContest(ctx context.Context) (_ *contest, err error) {
	dir, err := os.MkdirTemp("", "contest")
	if err != nil {
		return nil, err
	}
	c := &contest{dir: dir}
	if err := errors.Join(build(ctx, "../..", "./cmd/tokend", c.file("tokend")), build(ctx, ".", "./bare", c.file("bare"))); err != nil {
		return nil, errors.Join(err, c.close())
	}
	if err := c.open(ctx); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *contest) file(name string) string { return filepath.Join(c.dir, name) }

func (c *contest) open(ctx context.Context) error {
	if err := c.startNode(ctx); err != nil {
		return err
	}
	if err := c.guarded(); err != nil {
		return err
	}
	return c.agree(ctx)
}

func (c *contest) close() error {
	for _, server := range []*child{c.node, c.bare} {
		if server != nil {
			server.close()
		}
	}
	return os.RemoveAll(c.dir)
}

// nodeConfig has a client for the port and one for the socket. The token is sealed
// in memory and has an expiry, as most have.
const nodeConfig = `
listen: ["tcp://127.0.0.1:0", "unix://%[1]s"]
log: {format: json}
services:
  %[2]s: {provider: static, token: %[3]s, expires_at: %[4]s}
clients:
  - {name: port, key_hash: "%[5]s", grants: [{services: [%[2]s], verbs: [get, metrics]}]}
  - {name: socket, uid: %[6]d, grants: [{services: [%[2]s], verbs: [get]}]}
`

func (c *contest) startNode(ctx context.Context) (err error) {
	key, hash := access.NewKey()
	c.key = key
	config := fmt.Sprintf(nodeConfig, c.file("node.sock"), contestService, newToken(200),
		time.Now().Add(24*time.Hour).UTC().Format(time.RFC3339), hash, os.Geteuid())
	if err := os.WriteFile(c.file("tokend.yaml"), []byte(config), 0o600); err != nil {
		return err
	}
	node := newChild(ctx, servingPort, c.file("tokend"), "serve", "--config", c.file("tokend.yaml"))
	if c.nodePort, err = node.start(); err == nil {
		c.node = node
	}
	return err
}

// servingPort returns the port that a line of a node's log says it serves.
func servingPort(line string) string {
	var said struct{ Msg, Address string }
	if err := json.Unmarshal([]byte(line), &said); err != nil || said.Msg != "serving" {
		return ""
	}
	port, ok := strings.CutPrefix(said.Address, "http://")
	if !ok {
		return "" // it is the socket
	}
	return port
}

// asks returns what a client asks the node and the bare server over a network.
func (c *contest) asks(network, path string) (node, bare asking) {
	if network == "unix" {
		return asking{network, c.file("node.sock"), path, ""}, asking{network, c.file("bare.sock"), path, ""}
	}
	key := "Authorization: Bearer " + c.key.Reveal() + "\r\n"
	return asking{network, c.nodePort, path, key}, asking{network, c.barePort, path, key}
}
