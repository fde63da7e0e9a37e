package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"tokend/actors/vault/disk"
	"tokend/config"
)

// probeTime bounds how long a check waits for a node to answer.
const probeTime = time.Second

// runningNode says where a node is seen to run: with this configuration's vault, or at
// one of its addresses; empty if none is. A node may run unseen, where this user
// may look at neither.
func runningNode(ctx context.Context, cfg *config.Config) string {
	full := cfg.WithDefaults()
	if full.Vault.Path != "" && disk.InUse(full.Vault.Path) {
		return "a node runs with the vault " + full.Vault.Path
	}
	for i := range full.Listen {
		if servesAt(ctx, full.Listen[i].Address) {
			return "a node answers at " + full.Listen[i].Address
		}
	}
	return ""
}

// servesAt reports whether a node serves at the address of a listener. What answers
// over TLS is not asked: its certificate names another address than this one.
func servesAt(ctx context.Context, address string) bool {
	n, err := program{getenv: func(string) string { return "" }}.findNode(place{addr: address})
	if err != nil || strings.HasPrefix(n.base, "https:") {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.base+"/healthz", http.NoBody)
	if err != nil {
		return false
	}
	resp, err := n.client.Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	var health struct {
		Status string `json:"status"`
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, maxHealth)).Decode(&health)
	return err == nil && health.Status == "ok"
}

// maxHealth is room for what a node says of its health.
const maxHealth = 1 << 10
