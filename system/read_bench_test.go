package system

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"golang.org/x/oauth2"

	"tokend/config"
	"tokend/messages"
)

func benchSystem(b *testing.B, n int, memory string) (*System, []string) {
	b.Helper()
	cfg := &config.Config{Vault: config.Vault{Memory: memory}, Services: make(map[string]config.Service)}
	var names []string
	for i := range n {
		name := fmt.Sprintf("service-%04d", i)
		names = append(names, name)
		cfg.Services[name] = config.Service{Provider: "vending"}
	}
	s, err := New(cfg, WithProvider("vending", vending))
	if err != nil {
		b.Fatal(err)
	}
	s.options.log.SetLevel(0)
	if err := s.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Stop(context.Background()) })
	for _, name := range names {
		if _, err := s.Token(b.Context(), name); err != nil {
			b.Fatal(err)
		}
	}
	return s, names
}

func BenchmarkCachedToken(b *testing.B) {
	for _, memory := range []string{"plain", "sealed"} {
		s, names := benchSystem(b, 1000, memory)
		ctx := b.Context()
		b.Run(memory+"/by name", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if _, err := s.Token(ctx, names[i%len(names)]); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
		handles := make([]*Service, len(names))
		for i, name := range names {
			handles[i], _ = s.Service(name)
		}
		b.Run(memory+"/by handle", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if _, err := handles[i%len(handles)].Token(ctx); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
	src := oauth2.ReuseTokenSource(nil, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "x", Expiry: time.Now().Add(time.Hour)}))
	b.Run("oauth2", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_, _ = src.Token()
			}
		})
	})
	b.Run("time.Now", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				_ = time.Now()
			}
		})
	})
}

func BenchmarkMessage(b *testing.B) {
	for _, memory := range []string{"plain", "sealed"} {
		s, _ := benchSystem(b, 1, memory)
		b.Run(memory, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = s.ActorSystem().Root.RequestFuture(s.PID(), &messages.GetToken{Service: "service-0000"}, time.Second).Result()
			}
		})
	}
	as := actor.NewActorSystem()
	pid := as.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		if _, ok := c.Message().(*messages.GetToken); ok {
			c.Respond(&messages.TokenReply{})
		}
	}))
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = as.Root.RequestFuture(pid, &messages.GetToken{Service: "service-0000"}, time.Second).Result()
		}
	})
}
