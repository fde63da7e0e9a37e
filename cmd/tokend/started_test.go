package main

import (
	"runtime"
	"strings"
	"testing"
)

func TestCommandsArePrintedAsTheProgramWasStarted(t *testing.T) {
	hash := strings.Repeat("0123456789abcdef", 4)
	tests := map[string]struct{ argument, want string }{
		"by its name":                   {"tokend", "tokend"},
		"by a path":                     {"bin/tokend", "bin/tokend"},
		"by an absolute path":           {"/opt/go/bin/tokend", "/opt/go/bin/tokend"},
		"by go run":                     {"/tmp/go-build708106460/b001/exe/tokend", "go run ./cmd/tokend"},
		"by go run, once more":          {"/home/a/.cache/go-build/83/" + hash + "-d/tokend", "go run ./cmd/tokend"},
		"by go run with another cache":  {"/var/cache/83/" + hash + "-d/tokend", "go run ./cmd/tokend"},
		"from a directory much like it": {"/srv/go-builder/tokend", "/srv/go-builder/tokend"},
		"by nobody knows what":          {"", "tokend"},
	}
	if runtime.GOOS != "windows" {
		tests["by a path with a space"] = struct{ argument, want string }{"/opt/it's here/tokend", `'/opt/it'\''s here/tokend'`}
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := program{started: startedAs(tt.argument)}
			if got := p.command(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
