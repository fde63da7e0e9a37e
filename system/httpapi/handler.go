package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"tokend/system/access"
)

// Options are what a door may be told besides its keeper. The zero Options are
// useful.
type Options struct {
	// Now is the clock that expires_in and Retry-After are counted by; nil: time.Now.
	Now func() time.Time
	// Stopping is closed when the node is about to stop: it is not ready any more
	// though it still answers, and streams of events end; nil: it never is.
	Stopping <-chan struct{}
	// Metrics answers GET /metrics; nil: there are none.
	Metrics http.Handler
	// Traffic counts the requests; nil: nobody wants to know.
	Traffic *Traffic
	// Report is told of what no answer shows, such as a handler that panicked. The
	// text holds no secret. nil: nobody is told.
	Report func(text string)
	// Access says what callers may do; requests must come through a [Door] then. nil:
	// whoever gets here may do everything.
	Access *access.Shared
	// Audit is told of every decision, if there is Access; nil: nobody is.
	Audit access.Auditor
	// Reload reads the node's configuration anew and makes it what runs; nil: it
	// cannot. An [Unfit] error tells what is wrong with the configuration.
	Reload func(ctx context.Context) (Reloaded, error)
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Traffic == nil {
		o.Traffic = NewTraffic()
	}
	if o.Report == nil {
		o.Report = func(string) {}
	}
	return o
}

// New returns a handler that answers with what keeper has. It expects the paths
// of the package documentation; under a prefix, mount it by [http.StripPrefix].
func New(keeper Keeper, opts Options) http.Handler {
	h := &handler{keeper: keeper, opts: opts.withDefaults()}
	h.placing, _ = keeper.(PlacingKeeper)
	return h
}

type handler struct {
	keeper  Keeper
	placing PlacingKeeper // nil: nothing is said of where tokens go
	opts    Options
	buffers sync.Pool // of *[]byte, wiped
	answers sync.Pool // of *tracked
	scrapes atomic.Int64
}

// audited reports whether anybody is told of decisions.
func (h *handler) audited() bool {
	if a, ok := h.opts.Audit.(*access.SharedAuditor); ok {
		return !a.Idle()
	}
	return h.opts.Audit != nil
}

func (h *handler) now() time.Time { return h.opts.Now().Round(0) }

// stopping reports whether the node is about to stop.
func (h *handler) stopping() bool {
	select {
	case <-h.opts.Stopping:
		return true
	default:
		return false
	}
}

// ServeHTTP finds the route, has it answered and counts the answer.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	rt, service := find(r.URL)
	t, ok := h.answers.Get().(*tracked)
	if !ok {
		t = &tracked{}
	}
	t.ResponseWriter, t.conn = w, connOf(r)
	keepFromPages(w.Header())
	defer func() {
		h.opts.Traffic.note(rt, t.status, time.Since(began))
		t.request.Leave()
		t.stream.Leave()
		*t = tracked{}
		h.answers.Put(t)
	}()
	h.respond(t, r, rt, service)
}

// respond turns whatever goes wrong into a problem.
func (h *handler) respond(w *tracked, r *http.Request, rt *route, service string) {
	defer h.rescue(w, rt)
	if err := h.answer(w, r, rt, service); err != nil {
		h.fail(w, seen(ProblemOf(err), r, rt))
	}
}

// answer decides everything that can be decided before a service is looked at: who
// asks, whether there is such a route, and whether the caller may use it.
func (h *handler) answer(w *tracked, r *http.Request, rt *route, service string) error {
	caller, err := h.admit(r, rt)
	if err == nil {
		err = routed(w, r, rt)
	}
	if err == nil {
		err = h.permit(caller, rt, service)
	}
	if err == nil {
		err = h.enter(w, r, rt, caller)
	}
	if err == nil {
		w.caller = caller
		w.conn.welcomes(!rt.open)
		return h.serve(w, r, rt, caller, service)
	}
	w.conn.refuses(err)
	if rt != nil && rt.forwarded {
		err = refusal(ProblemOf(err))
	}
	h.refuse(r, caller, rt.needs(), service, err)
	return err
}

// routed refuses what no route answers.
func routed(w http.ResponseWriter, r *http.Request, rt *route) error {
	switch {
	case rt == nil:
		return noSuchPath()
	case !rt.allows(r.Method):
		w.Header().Set("Allow", rt.allowing)
		return problem(CodeMethodNotAllowed, "this path answers to "+rt.allowing)
	default:
		return nil
	}
}

func noSuchPath() *Problem { return problem(CodeNotFound, "no such path") }

// rescue answers a panic. Its value may hold anything, a token included, and is
// named by type only. Handlers write nothing before they know all of their answer,
// so the problem can still be sent; a stream that has begun is cut off.
func (h *handler) rescue(w *tracked, rt *route) {
	v := recover()
	if v == nil {
		return
	}
	if v == any(http.ErrAbortHandler) {
		panic(v)
	}
	h.opts.Report(fmt.Sprintf("a handler panicked with a %T\n%s", v, debug.Stack()))
	if w.status != 0 {
		panic(http.ErrAbortHandler)
	}
	p := problem(CodeInternal, "internal error")
	if rt != nil && rt.forwarded {
		p = refusal(p)
	}
	h.fail(w, p)
}
