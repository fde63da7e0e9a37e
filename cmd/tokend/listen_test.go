package main

import (
	"strings"
	"testing"

	"tokend/config"
	"tokend/system/httpapi"
)

// What check accepts, serve can open: both judge alike.
func TestCheckAndServeAgreeOnListeners(t *testing.T) {
	listeners := map[string]config.Listener{
		"no address":      {},
		"a group":         {Address: "unix:///run/s", Mode: 0o660, Group: "users"},
		"a mode of a TCP": {Address: "tcp://127.0.0.1:1", Mode: 0o600},
		"a wild mode":     {Address: "unix:///run/s", Mode: 1 << 20},
	}
	for _, address := range []string{
		"unix:///run/s", "unix://s", "unix:///", "unix:///run//s", "unix:///run/../s", "unix:///run/s/", "unix:///run/s\n", "unix:",
		"unix:///" + strings.Repeat("s", 99), "unix:///" + strings.Repeat("s", 100), "unix:///" + strings.Repeat("s", 103),
		"tcp://127.0.0.1:0", "tcp://127.9.9.9:7460", "tcp://[::1]:7460", "tcp://[::ffff:127.0.0.1]:1", "tcp://localhost:1", "tcp://LOCALHOST:1",
		"tcp://localhost.:1", "tcp://[::1%lo]:1", "tcp://[127.0.0.1]:1", "tcp://0.0.0.0:1", "tcp://:1", "tcp://node.example:1", "tcp://127.1:1",
		"tcp://127.0.0.1", "tcp://127.0.0.1:", "tcp://127.0.0.1:http", "tcp://127.0.0.1:65536", "tcp://127.0.0.1:01", "tcp://127.0.0.1:+1",
		"tcp://127.0.0.1:1/", "http://127.0.0.1:1", "http://localhost:1/", "http://10.0.0.1:1", "http://127.0.0.1:1/v1", "https://127.0.0.1:1", "127.0.0.1:1", "/run/s",
	} {
		listeners[address] = config.Listener{Address: address}
	}
	for name, l := range listeners {
		t.Run(name, func(t *testing.T) {
			cfg := config.Config{Listen: []config.Listener{l}}
			check := cfg.Validate()
			l = cfg.WithDefaults().Listen[0]                                                       // as serve gets it
			serve := httpapi.Endpoint{Address: l.Address, Mode: l.Mode, Group: l.Group}.Validate() // without TLS
			if (check == nil) != (serve == nil) {
				t.Errorf("check says %v, serve says %v", check, serve)
			}
		})
	}
}
