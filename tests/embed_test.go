package tests

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"tokend/messages"
)

// hostProgram is a host that embeds tokend, with a kind of provider of its own.
const hostProgram = `package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/messages"
	"tokend/system"
)

const settings = ` + "`" + `
version: 1
services:
  billing: {provider: static, token: fixed}
  erp: {provider: own, options: {word: "hello"}}
` + "`" + `

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	cfg, err := config.Parse([]byte(settings))
	if err != nil {
		return err
	}
	sys, err := system.New(cfg, system.WithProvider("own", own))
	if err != nil {
		return err
	}
	if err = sys.Start(ctx); err != nil {
		return err
	}
	tokens, err := sys.Tokens(ctx, "billing", "erp")
	if err != nil {
		return err
	}
	fmt.Println(tokens["billing"].Fingerprint, tokens["erp"].Header())
	return sys.Stop(ctx)
}

func own(_ string, options map[string]any) (provider.Provider, error) {
	word := messages.NewSecret(fmt.Sprint(options["word"]))
	return provider.Func(func(context.Context, provider.Request) (provider.Result, error) {
		return provider.Result{AccessToken: word, Lifetime: time.Hour}, nil
	}), nil
}
`

func TestACleanModuleEmbedsTokend(t *testing.T) {
	program := host(t, map[string]string{"main.go": hostProgram})
	out, err := exec.CommandContext(t.Context(), program).Output()
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	if got, want := strings.TrimSpace(string(out)), messages.Fingerprint("fixed")+" Bearer hello"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
