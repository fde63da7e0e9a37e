package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"tokend/config"
)

const ownServices = "\nservices: {a: {provider: static, token: abc}}\n"

func TestAnOwnNodeListensBesideItsConfiguration(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no Unix sockets")
	}
	long := "/" + strings.Repeat("d", 100) + "/c.yaml"
	tests := map[string]struct{ file, taken, address, listen string }{
		"a socket":                        {"/run/c.yaml", "", "unix:///run/c.sock", "unix:///run/c.sock"},
		"a file without an ending":        {"/run/c", "", "unix:///run/c.sock", "unix:///run/c.sock"},
		"a path too long for a socket":    {long, "", "http://127.0.0.1:7461", "tcp://127.0.0.1:7461"},
		"a socket that is taken":          {"/run/c.yaml", "unix:///run/c.sock", "http://127.0.0.1:7461", "tcp://127.0.0.1:7461"},
		"a port that is taken":            {long, "http://127.0.0.1:7461", "http://127.0.0.1:7462", "tcp://127.0.0.1:7462"},
		"a path with all that YAML knows": {`/run/${env:X}"'\: #.yaml`, "", `unix:///run/${env:X}"'\: #.sock`, `unix:///run/${env:X}"'\: #.sock`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			own, err := newOwnNode(tt.file, tt.taken)
			if err != nil {
				t.Fatal(err)
			}
			if own.address != tt.address {
				t.Errorf("clients are told %s", own.address)
			}
			cfg, err := config.Parse(own.text([]byte(ownServices)))
			if err != nil {
				t.Fatal(err)
			}
			if len(cfg.Listen) != 1 || cfg.Listen[0].Address != tt.listen || len(cfg.Services) != 1 {
				t.Errorf("it listens at %v, with %d services", cfg.Listen, len(cfg.Services))
			}
		})
	}
}

func TestPathsThatSteerTheTerminalAreRefused(t *testing.T) {
	if _, err := newOwnNode("/run/\x1b[2J.yaml", ""); err == nil {
		t.Error("the path is taken")
	}
}

func TestAnOwnNodesConfigurationIsForItsOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	own, err := newOwnNode(filepath.Join(dir, "c.yaml"), "")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // what it has written itself it replaces
		if err := own.write([]byte(ownServices)); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(own.file)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("it leaves %v, %v", files, err)
	}
}

func TestWhatOthersHaveWrittenStays(t *testing.T) {
	dir := t.TempDir()
	mine, link := filepath.Join(dir, "c.yaml"), filepath.Join(dir, "link.yaml")
	text := []byte("version: 1 # mine, and longer than a mark\n")
	if err := os.WriteFile(mine, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "short.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	files := []string{"c.yaml", "short.yaml", "."}
	if err := os.Symlink(mine, link); err == nil { // not everybody may on Windows
		files = append(files, "link.yaml")
	}
	for _, file := range files {
		own := &ownNode{file: filepath.Join(dir, file), address: "unix:///run/s"}
		if err := own.write([]byte(ownServices)); err == nil {
			t.Errorf("%s is replaced", file)
		}
	}
	if after, err := os.ReadFile(mine); err != nil || !bytes.Equal(after, text) {
		t.Errorf("it is %q now, %v", after, err)
	}
}
