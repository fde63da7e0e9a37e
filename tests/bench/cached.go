package main

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/oauth2"

	"tokend/system"
)

// The contenders of the group "cached": in parallel, everybody wants a token
// that is there. Ours are read in turn from a thousand services; hits are
// counted, and expiry is judged by both clocks.
const (
	byName   = "cached token by name"
	byHandle = "cached token by handle"
	byOAuth2 = "one shared oauth2.ReuseTokenSource"
	byAWS    = "aws.CredentialsCache in a map"
	timeNow  = "time.Now alone"
)

// services is how many a house has, and how many caches the map beside it.
const services = 1000

var cached = group{
	name:  "cached",
	setUp: setUpCached,
	alone: []string{timeNow},
	ratios: []ratio{
		{byName, byOAuth2, 0.8},
		{byName, byAWS, 1.2},
		{byHandle, byOAuth2, 0.6},
		{byHandle, byAWS, 1.1},
	},
	allocs: []allocs{{byName, 0}, {byHandle, 0}},
}

func setUpCached() (*arena, error) {
	h, err := plan{services: services, size: 200, memory: memoryPlain}.build()
	if err != nil {
		return nil, err
	}
	handles := make([]*system.Service, len(h.names))
	for i, name := range h.names {
		if handles[i], err = h.sys.Service(name); err != nil {
			return nil, errors.Join(err, h.close())
		}
	}
	return &arena{close: h.close, contenders: []contender{
		{timeNow, readClock},
		{byName, readByName(h)},
		{byHandle, readByHandle(handles)},
		{byOAuth2, readOAuth2(oauth2.ReuseTokenSource(nil, oauth2Source{}))},
		{byAWS, readAWS(h.names, newAWSCaches(h.names))},
	}}, nil
}

func readClock(b *testing.B) {
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if time.Now().IsZero() {
				b.Error("no time")
			}
		}
	})
}

func readByName(h *house) func(*testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		ctx := b.Context()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if _, err := h.sys.Token(ctx, h.names[i%services]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
}

func readByHandle(handles []*system.Service) func(*testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		ctx := b.Context()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if _, err := handles[i%services].Token(ctx); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
}

func readOAuth2(shared oauth2.TokenSource) func(*testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := shared.Token(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
}

func readAWS(names []string, caches map[string]*aws.CredentialsCache) func(*testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		ctx := b.Context()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if _, err := caches[names[i%services]].Retrieve(ctx); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
}
