package main

import "testing"

// The contenders of the group "sealed": a token of 1 KiB that lies encrypted in
// memory.
const (
	bySealed = "cached sealed token of 1 KiB"
	byAEAD   = "opening AES-256-GCM of that size"
)

const sealedSize = 1 << 10

var sealed = group{
	name:   "sealed",
	setUp:  setUpSealed,
	ratios: []ratio{{bySealed, byAEAD, 1.35}},
	allocs: []allocs{{bySealed, 3}},
}

func setUpSealed() (*arena, error) {
	h, err := plan{services: services, size: sealedSize, memory: memorySealed}.build()
	if err != nil {
		return nil, err
	}
	boxes := make([]*box, services)
	for i := range boxes {
		if boxes[i], err = newBox(sealedSize); err != nil {
			return nil, err
		}
	}
	return &arena{close: h.close, contenders: []contender{
		{bySealed, openOurs(h)},
		{byAEAD, openBoxes(boxes)},
	}}, nil
}

func openOurs(h *house) func(*testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		ctx := b.Context()
		for i := 0; b.Loop(); i++ {
			if _, err := h.sys.Token(ctx, h.names[i%services]); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func openBoxes(boxes []*box) func(*testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := boxes[i%services].open(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
