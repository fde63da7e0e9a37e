package main

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/messages"
)

// The contenders of the group "message": a cached token by request and response.
const (
	byMessage       = "GetToken by message"
	bySealedMessage = "GetToken by message, sealed"
	byBare          = "a bare request to a bare actor"
)

const patience = 2 * time.Second // of those who wait for a reply

var message = group{
	name:   "message",
	setUp:  setUpMessage,
	ratios: []ratio{{byMessage, byBare, 1.3}, {bySealedMessage, byBare, 1.6}},
}

func setUpMessage() (*arena, error) {
	plain, err := plan{services: 1, size: 200, memory: memoryPlain}.build()
	if err != nil {
		return nil, err
	}
	locked, err := plan{services: 1, size: 200, memory: memorySealed}.build()
	if err != nil {
		return nil, errors.Join(err, plain.close())
	}
	root := plain.sys.ActorSystem().Root
	bare := spawnBare(root)
	end := func() error {
		root.Stop(bare)
		return errors.Join(plain.close(), locked.close())
	}
	return &arena{close: end, contenders: []contender{
		{byMessage, request(plain.ask)},
		{bySealedMessage, request(locked.ask)},
		{byBare, request(func(name string) error { return ask(root, bare, name) })},
	}}, nil
}

// ask gets a service's token by message.
func (h *house) ask(name string) error { return ask(h.sys.ActorSystem().Root, h.sys.PID(), name) }

func ask(root *actor.RootContext, pid *actor.PID, name string) error {
	got, err := root.RequestFuture(pid, &messages.GetToken{Service: name}, patience).Result()
	if err != nil {
		return err
	}
	reply, ok := got.(*messages.TokenReply)
	if !ok {
		return fmt.Errorf("unexpected reply %T", got)
	}
	return reply.Err
}

// request asks for one service's token again and again: a bare actor has one
// mailbox too.
func request(ask func(name string) error) func(*testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := ask("service-000000"); err != nil {
				b.Fatal(err)
			}
		}
	}
}
