package pauses

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// round is one pause of a node.
type round struct {
	at       step
	pause    time.Duration
	cold     bool // there is no token yet: a caller waits
	protocol string
	life     time.Duration
}

func (r round) String() string {
	token := "with a token"
	if r.cold {
		token = "without a token"
	}
	return fmt.Sprintf("%s %s %s over %s", r.pause, r.at, token, r.protocol)
}

// roundOf returns the round of a number. Both pauses are longer than the time that
// an attempt has then.
func roundOf(i int) round {
	r := round{at: 1 + step(i%int(steps-1)), pause: 15 * time.Second, cold: i/2%2 == 0, protocol: "h2", life: time.Hour}
	if i/int(steps-1)%2 == 1 {
		r.pause, r.life, r.cold = 4*time.Second, 16*time.Second, false
	}
	if i%5 < 2 {
		r.protocol = "http/1.1"
	}
	return r
}

// few are the rounds of a run that has no time: those in which an answer lies in the
// socket, and one in which none does.
var few = []round{
	{at: read, pause: 15 * time.Second, cold: true, protocol: "http/1.1", life: time.Hour},
	{at: rotated, pause: 15 * time.Second, protocol: "h2", life: time.Hour},
	{at: said, pause: 15 * time.Second, protocol: "http/1.1", life: time.Hour},
	{at: halfSaid, pause: 4 * time.Second, protocol: "h2", life: 16 * time.Second},
	{at: hello, pause: 15 * time.Second, cold: true, protocol: "h2", life: time.Hour},
}

// A process that was stopped finds its deadlines passed before it has looked at what
// came in meanwhile. The answer to a refresh that lies in its socket is all that there
// is of the login.
func TestAPauseLosesNoLogin(t *testing.T) {
	t.Parallel()
	rounds := few
	if n, err := strconv.Atoi(os.Getenv(roundsEnv)); err == nil {
		rounds = nil
		for i := range n {
			rounds = append(rounds, roundOf(i))
		}
	}
	for i, r := range rounds {
		t.Run(fmt.Sprintf("%d: %s", i, r), func(t *testing.T) {
			t.Parallel()
			r.run(t)
		})
	}
}

func (r round) run(t *testing.T) {
	p := newIDP(t, "127.0.0.1:0", r.life, r.protocol)
	n := start(t, p, loginAt(p, "s"))
	if !r.cold {
		if err := n.token("s"); err != nil {
			t.Fatal(err)
		}
	}
	if r.at < read { // which need a connection of their own
		p.hangUp()
		time.Sleep(50 * time.Millisecond) // the node closes its end
	}
	p.once(r.at, func() { n.stop(r.pause) })
	ask := n.refresh
	if r.cold {
		ask = n.token
	}
	if err := ask("s"); err != nil {
		t.Errorf("the caller got %v", err)
	}
	n.until("there was no pause: nothing was tested", p.reached)
	n.until("the login cannot be refreshed any more", func() bool { return n.refresh("s") == nil })
	p.judge()
}

// judge looks at what became of the logins.
func (p *idp) judge() {
	p.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for service, l := range p.logins {
		if l.ended {
			p.Errorf("%s: the login has ended: %v", service, l.presented)
		}
		for token, times := range l.presented {
			if times > 1 {
				p.Errorf("%s: %s was sent %d times", service, token, times)
			}
		}
	}
}
