package supervisor

import (
	"iter"
	"maps"
	"slices"
	"sync/atomic"

	"tokend/actors/token"
	"tokend/messages"
)

// Directory finds services by name. Only the supervisor changes it; reading
// needs no lock. The zero Directory is empty.
type Directory struct {
	slots atomic.Pointer[map[string]*token.Slot]
}

// Lookup returns the slot of the service, nil if there is none of that name.
func (d *Directory) Lookup(service string) *token.Slot {
	if slots := d.slots.Load(); slots != nil {
		return (*slots)[service]
	}
	return nil
}

// Sorted returns all slots by name.
func (d *Directory) Sorted() iter.Seq[*token.Slot] {
	return func(yield func(*token.Slot) bool) {
		slots := d.slots.Load()
		if slots == nil {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(*slots)) {
			if !yield((*slots)[name]) {
				return
			}
		}
	}
}

// Infos returns what is known of all services, by name.
func (d *Directory) Infos() []messages.TokenInfo {
	infos := []messages.TokenInfo{}
	for slot := range d.Sorted() {
		infos = append(infos, slot.Info())
	}
	return infos
}

func (d *Directory) publish(slots map[string]*token.Slot) { d.slots.Store(&slots) }
