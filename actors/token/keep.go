package token

import (
	"context"
	"time"

	"tokend/actors/vault"
)

// keepPatience is how long a token waits for the disk that is to have its provider
// state. One that hangs costs that, and no more.
const keepPatience = 2 * time.Second

// keep makes what the provider wants to have again durable before its token is
// handed out: a refresh token that was rotated and then lost is lost for good. That is
// so of a service that has been removed meanwhile, too: it may come back.
func (t *trip) keep(ctx context.Context, state vault.Sealed) {
	store := t.env.Store
	if store == nil || t.options.Unkept {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepPatience)
	defer cancel()
	if err := store.SaveState(ctx, recordKey(t.slot.name), state); err != nil {
		t.env.Log.WithError(err).WithField("service", t.slot.name).Error("provider state not saved")
	}
}

// announcePatience is how long an attempt waits for the disk that is to know of it.
const announcePatience = 500 * time.Millisecond

// announce makes durable that an attempt with a person's credentials has begun, see
// [State.begin].
func (t *trip) announce(ctx context.Context) {
	store := t.env.Store
	if store == nil || t.options.Unkept || !t.options.personal() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, announcePatience)
	defer cancel()
	_ = store.Flush(ctx) // the store itself tells of its trouble
}

// latest returns what the provider wants to have again. The last acquisition of an
// earlier service of that name may have brought it after this one had begun; the store
// has it then, and goes on to have it until it is given another one to keep.
func (t *trip) latest() vault.Sealed {
	store := t.env.Store
	if t.slot.before == nil || store == nil || t.options.Unkept {
		return t.previous
	}
	rec, err := store.Load(recordKey(t.slot.name))
	if err != nil || rec == nil || rec.State.IsZero() {
		return t.previous
	}
	return rec.State
}
