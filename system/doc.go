// Package system is tokend for embedders: it wires the actors, keeps the tokens
// of all configured services fresh, and hands them out.
//
//	cfg, err := config.Load("tokend.yaml")
//	sys, err := system.New(cfg, system.WithLogger(log))
//	err = sys.Start(ctx)
//	defer sys.Stop(ctx)
//	tok, err := sys.Token(ctx, "billing")
//
// # Contract
//
// A token that is handed out is alive by the wall clock and by the monotonic
// clock. A living token with enough life left is handed out at once, whatever
// the identity provider (IdP) does. Every method may be called concurrently, and
// waits at most as long as its context lets it; a caller that gives up does not
// end the acquisition it waited for.
//
// Errors match the sentinels of tokend/messages under [errors.Is], and are a
// [*messages.Error] under [errors.As] that tells class, attempts and next try.
//
// Sinks are files that hold tokens. They begin with Start and end with Stop; how they
// do is told by [System.Sinks].
//
// # Life
//
//	New ──▶ created ──Start──▶ running ──Stop──▶ stopping ──▶ stopped
//	           └──────────────Stop──────────────────────────────▲
//
// A stopped System stays stopped; make a new one.
package system
