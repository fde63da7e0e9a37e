package main

import (
	"os/exec"
	"testing"
	"time"
)

func BenchmarkCached(b *testing.B)  { cached.bench(b) }
func BenchmarkSealed(b *testing.B)  { sealed.bench(b) }
func BenchmarkMessage(b *testing.B) { message.bench(b) }
func BenchmarkVault(b *testing.B)   { vaultRead.bench(b) }

func (g *group) bench(b *testing.B) {
	a, err := g.setUp()
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := a.close(); err != nil {
			b.Error(err)
		}
	}()
	for _, c := range a.contenders {
		b.Run(c.name, c.run)
	}
}

// BenchmarkSize makes a system of many services.
func BenchmarkSize(b *testing.B) {
	for b.Loop() {
		f, err := measureFootprint(plan{services: many, size: manyTokenSize, memory: memorySealed})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(f.heap)/many, "heap-B/service")
		b.ReportMetric(float64(f.goroutines), "goroutines")
		b.ReportMetric(f.took.Seconds(), "s-to-all-tokens")
	}
}

// BenchmarkDoors is a second of each loader at each server, over one connection.
func BenchmarkDoors(b *testing.B) {
	c, err := openContest(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := c.close(); err != nil {
			b.Error(err)
		}
	}()
	for _, l := range loaders {
		b.Run(l.network, func(b *testing.B) {
			if _, err := exec.LookPath(l.program); err != nil {
				b.Skip(l.program + " is not installed")
			}
			for b.Loop() {
				if _, err := c.compare(b.Context(), l, []int{1}, 1, time.Second); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
