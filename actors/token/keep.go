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
// handed out: a refresh token that was rotated and then lost is lost for good.
func (t *trip) keep(ctx context.Context, state vault.Sealed) {
	store := t.env.Store
	if store == nil || t.options.Unkept || t.slot.Removed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepPatience)
	defer cancel()
	err := store.SaveState(ctx, recordKey(t.slot.name), state)
	switch {
	case t.slot.Removed(): // meanwhile: forgotten already, it must not come back
		t.slot.Forget()
	case err != nil:
		t.env.Log.WithError(err).WithField("service", t.slot.name).Error("provider state not saved")
	}
}
