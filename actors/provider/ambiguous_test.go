package provider

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tokend/messages"
)

// afterHeadersReset breaks the connection off when status and headers are out.
func afterHeadersReset(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// noBody answers with a header alone.
func noBody(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
}

// muteServer answers nothing until the client gives up, when the time of c is up.
func muteServer(c *expiring) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		c.expire()
		<-r.Context().Done()
	}
}

// After each way in which an answer may get lost, the server has its say at the
// next acquisition: the refresh token is good still, or the login is lost.
func TestWhatBecomesOfARefreshTokenWhoseAnswerGotLost(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc // nil: silence
		times  int              // requests in the acquisition
		class  string
	}{
		"no answer":           {hangUp, 2, messages.ClassAmbiguous},
		"reset after headers": {afterHeadersReset, 2, messages.ClassAmbiguous},
		"timeout":             {nil, 1, messages.ClassAmbiguous},
		"a header alone":      {noBody, 1, messages.ClassMalformed},
	} {
		for end, fallback := range map[string]func() (Result, error){"rejected": nil, "the fallback": helps("")} {
			t.Run(name+", then "+end, func(t *testing.T) {
				ctx, answer := newExpiring(t), c.answer
				if answer == nil {
					answer = muteServer(ctx)
				}
				l := newLogins(t, append(slices.Repeat([]http.HandlerFunc{answer}, c.times), spent("invalid_grant"))...)
				s := &spare{answer: fallback}
				if fallback != nil {
					s = l.withFallback(fallback)
				}
				if err := l.refresh(ctx); err == nil || err.Class != c.class || err.TimedOut != (c.answer == nil) || err.Lost != "" || s.asked > 0 {
					t.Fatalf("first %v, %d requests to the fallback", err, s.asked)
				}
				res, err := l.acquire()
				switch e, _ := errors.AsType[*Error](err); {
				case fallback != nil:
					if err != nil || res.Lost == "" || s.asked != 1 {
						t.Errorf("then %v, lost %q, %d requests to the fallback", err, res.Lost, s.asked)
					}
				case e == nil || e.Class != messages.ClassRejected || e.Lost == "":
					t.Errorf("then %v", err)
				}
				if len(l.sent) != c.times+1 {
					t.Errorf("%d requests", len(l.sent))
				}
			})
		}
	}
}

// The second request within one acquisition may find that the first had arrived.
func TestTheFallbackFollowsARepetitionThatIsRefused(t *testing.T) {
	l := newLogins(t, hangUp, spent("invalid_grant"))
	s := l.withFallback(helps(""))
	if res, err := l.acquire(); err != nil || res.Lost == "" || s.asked != 1 {
		t.Errorf("%v, lost %q, %d requests to the fallback", err, res.Lost, s.asked)
	}
}

// Who calls a refresh off while the server works on it would lose what comes of it.
func TestAnAnswerIsTakenThatComesSoonAfterTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l := newLogins(t, func(w http.ResponseWriter, r *http.Request) {
		cancel()
		rotates("b")(w, r)
	}, rotates(""))
	if err := l.refresh(ctx); err != nil {
		t.Fatal(err)
	}
	if err := l.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.wantSent("first", "b")
}

// Not even where a connection is at hand.
func TestNoRefreshBeginsAfterTheEnd(t *testing.T) {
	l := newLogins(t, slices.Repeat([]http.HandlerFunc{rotates("")}, 300)...)
	if err := l.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 200 {
		if err := l.refresh(ctx); err == nil || err.Class != messages.ClassTransient {
			t.Fatalf("%+v", err)
		}
	}
	l.wantSent("first")
}

func TestPatienceHasItsEnds(t *testing.T) {
	for name, c := range map[string]struct {
		phase   phase
		patient bool
		want    time.Duration // after the end of the acquisition
	}{
		"nothing sent yet":  {connecting, true, 0},
		"sent":              {waiting, true, patience},
		"partly answered":   {reading, true, patience},
		"not a patient one": {waiting, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				if c.patient {
					ctx = patient(ctx)
				}
				x := newExchange(ctx, "idp.example:443", time.Hour)
				defer x.close()
				x.timer.Stop()
				x.advance(c.phase)
				cancel()
				synctest.Wait()
				if c.want > 0 {
					time.Sleep(c.want - time.Nanosecond)
					synctest.Wait()
					if x.ctx.Err() != nil {
						t.Fatal("ended too early")
					}
					time.Sleep(time.Nanosecond)
					synctest.Wait()
				}
				if context.Cause(x.ctx) != context.Canceled {
					t.Errorf("ended by %v", context.Cause(x.ctx))
				}
			})
		})
	}
}

func TestPatienceDoesNotOutlastTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(patient(t.Context()), time.Minute)
		defer cancel()
		x := newExchange(ctx, "idp.example:443", time.Hour)
		defer x.close()
		x.advance(waiting)
		time.Sleep(time.Minute - time.Second)
		cancel()
		time.Sleep(time.Second)
		synctest.Wait()
		if e := Classify(x.lost(nil)); x.ctx.Err() != context.DeadlineExceeded || !e.TimedOut {
			t.Errorf("ended by %v: %+v", x.ctx.Err(), e)
		}
	})
}
