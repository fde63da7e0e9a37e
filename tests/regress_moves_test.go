package tests

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing/synctest"
	"time"

	"tokend/config"
	"tokend/messages"
	"tokend/tests/fakes/idptest"
)

// moves are what a [machine] does, each as often as its weight.
var moves = []struct {
	weight int
	wild   bool // not in a calm machine
	do     func(*machine)
}{
	{3, false, func(m *machine) { m.ask(&messages.GetToken{Service: billing, MinTTL: m.wish()}) }},
	{1, false, func(m *machine) { m.ask(&messages.RefreshToken{Service: billing}) }},
	{1, false, func(m *machine) { m.ask(&messages.InvalidateToken{Service: billing}) }},
	{1, false, func(m *machine) { m.ask(&messages.GetTokenInfo{Service: billing}) }},
	{1, false, func(m *machine) { m.ask(&messages.GetTokens{Services: []string{billing, "none"}, MinTTL: m.wish()}) }},
	{1, false, func(m *machine) { m.ask(&messages.ListServices{}) }},
	{2, false, (*machine).call},
	{2, false, (*machine).crash},
	{1, false, (*machine).crashOthers},
	{1, false, (*machine).stopActor},
	{5, false, (*machine).wait},
	{1, true, (*machine).stepClock},
	{1, true, (*machine).play},
	{1, true, func(m *machine) { m.turn++; m.change("provider") }},
	{1, true, func(m *machine) { m.change("policy") }},
	{1, true, (*machine).removeAndAdd},
}

// move makes one of the moves.
func (m *machine) move() {
	total := 0
	for _, mv := range moves {
		total += mv.weight
	}
	n := m.rand.IntN(total)
	for _, mv := range moves {
		if n -= mv.weight; n < 0 {
			if !mv.wild || !m.calm {
				mv.do(m)
			}
			return
		}
	}
}

// pick returns one of the choices.
func pick[T any](r *rand.Rand, choices ...T) T { return choices[r.IntN(len(choices))] }

func (m *machine) upTo(d time.Duration) time.Duration { return time.Duration(m.rand.Int64N(int64(d))) }

func (m *machine) wish() time.Duration { return time.Duration(m.rand.IntN(4)) * 10 * time.Second }

// ask sends a command and does not wait for the reply.
func (m *machine) ask(command messages.Command) {
	m.trace("%T", command)
	a := &asked{machine: m, command: command, at: time.Now()}
	m.asked = append(m.asked, a)
	system := m.sys.ActorSystem()
	pid, _ := system.ProcessRegistry.Add(a, system.ProcessRegistry.NextId())
	system.Root.RequestWithCustomSender(m.sys.PID(), command, pid)
}

// call has somebody call TokenMinTTL who may lose patience.
func (m *machine) call() {
	wish, limit := m.wish(), time.Second+m.upTo(30*time.Second)
	m.trace("TokenMinTTL(%v) for %v at the most", wish, limit)
	m.busy.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		if tok, err := m.sys.TokenMinTTL(ctx, billing, wish); err == nil {
			m.checkAlive("TokenMinTTL", tok)
		}
	})
}

func (m *machine) crash() {
	times := 1 + m.rand.IntN(3)
	m.trace("the actor crashes %d times", times)
	for range times {
		m.kill(billingActor)
	}
}

func (m *machine) crashOthers() {
	m.trace("all other actors crash")
	for _, id := range m.others() {
		m.kill(id)
	}
}

func (m *machine) stopActor() {
	m.trace("the actor is stopped")
	m.stopFromOutside(billingActor)
}

func (m *machine) wait() {
	d := pick(m.rand, time.Millisecond, 300*time.Millisecond, 999*time.Millisecond, 3*time.Second,
		12*time.Second, time.Minute, 5*time.Minute, 20*time.Minute)
	m.trace("%v pass", d)
	m.pass(d)
}

// stepClock steps the clock while nobody has a token in hand that is not looked
// at yet.
func (m *machine) stepClock() {
	d := pick(m.rand, time.Second, time.Minute, 2*time.Hour) * pick(m.rand, 1, time.Duration(-1))
	synctest.Wait()
	m.trace("the clock is stepped by %v", d)
	m.clock.step(d)
}

// change applies another configuration of the service.
func (m *machine) change(what string) {
	m.trace("another %s", what)
	cfg := m.changed(func(s map[string]config.Service) { s[billing] = m.service() })
	if err := m.sys.Apply(m.Context(), cfg); err != nil {
		m.Errorf("apply: %v", err)
	}
}

func (m *machine) removeAndAdd() {
	m.trace("removed")
	if err := m.sys.Apply(m.Context(), m.changed(withoutBilling)); err != nil {
		m.Errorf("apply: %v", err)
	}
	m.change("service of the name")
}

// service returns the service with settings at random, but with the configuration
// of its provider whose turn it is.
func (m *machine) service() config.Service {
	settings := config.Settings{Eager: new(m.rand.IntN(3) == 0), WarnAlways: new(m.rand.IntN(2) == 0)}
	if m.rand.IntN(3) == 0 {
		settings.MinTTL = new(m.upTo(100 * time.Second))
	}
	if m.rand.IntN(3) == 0 {
		settings.RefreshThreshold = new(m.upTo(1000 * time.Second))
	}
	if m.rand.IntN(3) == 0 {
		settings.WarnBefore = new(m.upTo(1000 * time.Second))
	}
	s := scripted(settings)
	s.Options = config.NewTree(map[string]any{"host": "idp.test:443", "turn": fmt.Sprint(m.turn)})
	return s
}

// play has the identity provider answer by other steps.
func (m *machine) play() {
	var steps []idptest.Step
	for range 1 + m.rand.IntN(4) {
		if m.calm {
			steps = append(steps, m.calmStep())
		} else {
			steps = append(steps, m.step())
		}
	}
	m.idp.Play(billing, steps...)
}

// calmStep returns a step that brings a token, soon and for long.
func (m *machine) calmStep() idptest.Step {
	return idptest.After(m.upTo(3*time.Second), pick(m.rand, idptest.Token(30*24*time.Hour), idptest.Immortal()))
}

func (m *machine) step() idptest.Step {
	life := pick(m.rand, 3*time.Millisecond, time.Second, 2*time.Second, 10*time.Second, time.Minute,
		5*time.Minute, time.Hour, 24*time.Hour)
	delay := m.upTo(20 * time.Second)
	steps := []struct {
		name string
		step idptest.Step
	}{
		{"a failure", idptest.Fail(pick(m.rand, messages.ClassTransient, messages.ClassRejected, messages.ClassMalformed))},
		{fmt.Sprint("throttled for ", 5*delay), idptest.Throttle(messages.ClassThrottled, 5*delay)},
		{"silence", idptest.Hang()},
		{"a panic", idptest.Panic(idptest.Canary)},
		{"the end of the goroutine", exits},
		{"no expiry", idptest.Immortal()},
		{"no lifetime", idptest.Bare()},
		{fmt.Sprintf("%v, again and again", life), idptest.Cached(life)},
		{fmt.Sprintf("%v, valid after %v", life, 10*delay), idptest.Early(life, 10*delay)},
		{fmt.Sprintf("%v, after %v whatever happens", life, delay), idptest.Deaf(delay, idptest.Token(life))},
		{fmt.Sprintf("%v, after %v", life, delay/4), idptest.After(delay/4, idptest.Token(life))},
		{fmt.Sprintf("%v, after %v", life, delay/20), idptest.After(delay/20, idptest.Token(life))},
		{fmt.Sprintf("%v, at once", life), idptest.Token(life)},
	}
	chosen := pick(m.rand, steps...)
	m.trace("to come: %s", chosen.name)
	return chosen.step
}
