package kill

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/messages"
	"tokend/system"
)

const (
	canary   = "cAnArY5ecret"
	services = 40
	lifetime = 600 * time.Millisecond
	// lasting is the life of every fourth service's tokens: they outlive a node, and
	// the start of the next.
	lasting = time.Hour
)

// lifeOf returns how long the tokens of a service live.
func lifeOf(service string) time.Duration {
	if number, _ := strconv.Atoi(service[1:]); number%4 == 0 {
		return lasting
	}
	return lifetime
}

// serve is the node that is killed. It asks for tokens without end and tells what
// happens, a line each, so that what was told happened before.
func serve(path string) {
	n := &node{born: time.Now()}
	cfg := &config.Config{
		Vault:    config.Vault{Path: path, Keys: []config.Secret{config.NewSecret(key)}},
		Services: map[string]config.Service{},
	}
	for i := range services {
		cfg.Services[fmt.Sprintf("s%02d", i)] = config.Service{Provider: "counting"}
	}
	sys, err := system.New(cfg, system.WithProvider("counting", n.provider))
	if err == nil {
		err = sys.Start(context.Background())
	}
	if err != nil {
		n.tell("cannot start: %v", err)
		os.Exit(1)
	}
	for name := range cfg.Services {
		go n.ask(sys, name)
	}
	select {}
}

type node struct {
	mu   sync.Mutex // one line at a time
	born time.Time
}

func (n *node) tell(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, _ = fmt.Fprintf(os.Stdout, format+"\n", args...)
}

// provider makes tokens that say when they die, each with a state that counts on
// from the one before.
func (n *node) provider(service string, _ map[string]any) (provider.Provider, error) {
	return provider.Func(func(_ context.Context, req provider.Request) (provider.Result, error) {
		number, _ := strconv.Atoi(strings.TrimPrefix(string(req.Previous.Bytes()), canary)) // 0 for none
		n.tell("previous %s %d", service, number)
		number++
		life := lifeOf(service)
		token := fmt.Sprintf("%s %d %d", canary, number, time.Now().Add(life).UnixNano())
		return provider.Result{
			AccessToken: messages.NewSecret(strings.ReplaceAll(token, " ", ".")), Lifetime: life,
			State: provider.NewState([]byte(canary + strconv.Itoa(number))),
		}, nil
	}), nil
}

// ask asks for a service's token without end and checks what it gets.
func (n *node) ask(sys *system.System, service string) {
	for last := ""; ; time.Sleep(time.Millisecond) { // to leave others some of the machine
		before := time.Now() // a busy machine may pause at any line, so only this is certain
		tok, err := sys.Token(context.Background(), service)
		if err != nil {
			n.tell("no token of %s: %v", service, err)
			continue
		}
		if tok.Value() == last {
			continue
		}
		last = tok.Value()
		var number int
		var dies int64
		if _, err := fmt.Sscanf(strings.ReplaceAll(last, ".", " "), canary+" %d %d", &number, &dies); err != nil {
			n.tell("a token of %s that nobody made: %v", service, err)
		}
		if late := before.Sub(time.Unix(0, dies)); late > 0 {
			n.tell("a dead token of %s: late by %v", service, late)
		}
		if tok.CreatedAt.Before(n.born) {
			n.tell("kept %s", service)
		}
		n.tell("served %s %d", service, number)
	}
}
