package tests

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"tokend/config"
	"tokend/messages"
	"tokend/system"
	"tokend/tests/fakes/idptest"
)

// machine does to one service at random what callers, hosts, clocks and identity
// providers do, and checks on the way and at the end what may never be broken. A
// world checks the rest when it ends: one acquisition at a time, no secret shown.
type machine struct {
	*world

	rand   *rand.Rand
	clock  *frugal
	tape   *tape
	calm   bool // only what gives the schedule nothing to do
	turn   int  // of the provider's configuration
	asked  []*asked
	traced []string
	busy   sync.WaitGroup
}

// Whatever happens in whatever order, no dead token is handed out, every command
// gets its one reply, and events tell what happened.
func TestNoOrderOfEventsBreaksAPromise(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newMachine(t, seed, false).run(60) })
		})
	}
}

// Where tokens live long and nothing fails, whatever the IdP is asked is asked for
// a caller's sake: once a second at the most, whoever asks and whatever crashes.
func TestP3NoOrderOfCallersCausesMoreThanOneAcquisitionASecond(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMachine(t, seed, true)
				m.run(100)
				calls := m.idp.Calls(billing)
				for i := 1; i < len(calls); i++ {
					if gap := calls[i].Sub(calls[i-1]); gap < time.Second {
						t.Errorf("call %d came %v after the one before", i+1, gap)
					}
				}
			})
		})
	}
}

func newMachine(t *testing.T, seed uint64, calm bool) *machine {
	t.Helper()
	outlastDeadLetters(t)
	m := &machine{rand: rand.New(rand.NewPCG(seed, 1)), clock: &frugal{}, calm: calm}
	t.Cleanup(m.tell)
	idp := idptest.New()
	m.world = &world{T: t, idp: idp} // so that moves may be made before it begins
	m.play()
	first := m.service()
	first.Eager = new(false) // the tape begins after the start
	m.world = begin(t, idp, setup{
		services: map[string]config.Service{billing: first},
		options:  []system.Option{system.WithClock(m.clock.now)},
	})
	m.tape = m.world.tape(billing)
	return m
}

// tell shows what led to a failure.
func (m *machine) tell() {
	if m.Failed() {
		for _, line := range m.traced[max(0, len(m.traced)-60):] {
			m.Log(line)
		}
	}
}

func (m *machine) trace(format string, args ...any) {
	m.traced = append(m.traced, fmt.Sprintf("%-18v ", sinceStart())+fmt.Sprintf(format, args...))
}

func (m *machine) run(moves int) {
	for range moves {
		m.move()
		if m.rand.IntN(2) == 0 {
			synctest.Wait()
		}
		m.checkInfo()
	}
	m.trace("all is well from now on")
	m.idp.Play(billing, idptest.Token(time.Hour))
	m.recover()
	m.busy.Wait()
	m.checkReplies()
	m.checkStory()
	m.token(billing)
	m.ready(true)
}

// recover waits until nobody waits any more and there is a token again: for an
// hour at the most, which is how long rejected credentials are left alone.
func (m *machine) recover() {
	m.pass(patience)
	for range 60 {
		if info := m.info(billing); !info.Needed || messages.Living(info.State) {
			return
		}
		m.pass(time.Minute)
	}
}

// pass lets d pass in pieces, in each of which the clock may be read so often.
func (m *machine) pass(d time.Duration) {
	for d > 0 {
		m.clock.reads.Store(0)
		piece := min(d, 10*time.Minute)
		pass(piece)
		d -= piece
	}
}

// checkAlive fails the test if a token that was handed out just now is dead.
func (m *machine) checkAlive(door string, tok messages.Token) {
	if tok.ExpiresAt.IsZero() {
		return
	}
	if now := m.clock.now(); !tok.ExpiresAt.After(now) {
		m.Errorf("after %v: %s: dead by the wall clock for %v", sinceStart(), door, now.Sub(tok.ExpiresAt))
	}
	for _, issue := range m.idp.Issued(billing) {
		if issue.Fingerprint == tok.Fingerprint && !issue.Expires.After(time.Now()) {
			m.Errorf("after %v: %s: dead since %v", sinceStart(), door, issue.Expires)
		}
	}
}

func (m *machine) checkInfo() {
	info := m.info(billing)
	expires := info.ExpiresAt
	if messages.Living(info.State) && !expires.IsZero() && !expires.After(m.clock.now()) {
		m.Errorf("after %v: %s, but expired at %v", sinceStart(), info.State, expires)
	}
}

// patience is how long an answer may take: as long as its asker waits for a token,
// and before that for an actor whose mailbox is closed after every crash that was
// sent before.
const patience = 11*time.Second + 10*30*time.Second

func (m *machine) checkReplies() {
	for _, a := range m.asked {
		a.mu.Lock()
		took := a.answered.Sub(a.at)
		if len(a.replies) != 1 || took > patience {
			m.Errorf("%T at %v: %d replies, the last after %v", a.command, a.at.Sub(bubbleStart), len(a.replies), took)
		}
		for _, r := range a.replies {
			switch r.(type) {
			case messages.Reply:
			case *actor.DeadLetterResponse: // in the moment in which the host stopped the actor
			default:
				m.Errorf("%T at %v answered by %T", a.command, a.at.Sub(bubbleStart), r)
			}
		}
		a.mu.Unlock()
	}
}

// checkStory checks that the events tell of a token's life in the order of life.
func (m *machine) checkStory() {
	s := story{}
	for _, e := range m.tape.all() {
		if wrong := s.next(e); wrong != "" {
			m.Errorf("%s, generation %d, at %v: %s", e.Name(), e.About().Generation, e.About().At, wrong)
		}
	}
}

// story is what a listener knows of a service.
type story struct {
	living     bool
	refused    bool // invalidated, unless the IdP gave the same token again
	generation uint64
}

// next takes one event and returns what is wrong with it.
func (s *story) next(e messages.Event) (wrong string) {
	generation := e.About().Generation
	switch e.(type) {
	case *messages.TokenAcquired:
		if s.living {
			wrong = "though the last token lives"
		}
		wrong += s.grow(generation)
	case *messages.TokenRefreshed:
		if !s.living && !s.refused {
			wrong = "though there was no living token"
		}
		wrong += s.grow(generation)
	case *messages.TokenExpired:
		s.living = false
	case *messages.TokenInvalidated:
		s.living, s.refused = false, true
	case *messages.ServiceRemoved:
		*s = story{}
	}
	return wrong
}

func (s *story) grow(generation uint64) (wrong string) {
	if generation != s.generation+1 {
		wrong = fmt.Sprintf("after generation %d", s.generation)
	}
	*s = story{living: true, generation: generation}
	return wrong
}

// asked is a command that was sent, and the process that its reply goes to.
type asked struct {
	machine *machine
	command messages.Command
	at      time.Time

	mu       sync.Mutex // guards what follows
	answered time.Time
	replies  []any
}

// SendUserMessage notes a reply.
func (a *asked) SendUserMessage(_ *actor.PID, message any) {
	reply := actor.UnwrapEnvelopeMessage(message)
	if r, ok := reply.(*messages.TokenReply); ok && r.Err == nil {
		a.machine.checkAlive("GetToken", r.Token)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answered, a.replies = time.Now(), append(a.replies, reply)
}

// SendSystemMessage does nothing: nobody watches this process.
func (a *asked) SendSystemMessage(*actor.PID, any) {}

// Stop does nothing.
func (a *asked) Stop(*actor.PID) {}
