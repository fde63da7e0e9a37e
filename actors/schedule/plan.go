package schedule

import "time"

// Policy is what may be configured about a service's schedule.
type Policy struct {
	Timeout          time.Duration // bound of one attempt without a living token
	RefreshThreshold time.Duration // lead; 0: chosen by lifetime
	WarnBefore       time.Duration // how long before expiry the warning is due, at most
	MinTTL           time.Duration // life that callers want who ask for none
}

const (
	leadLeast   = time.Millisecond // of what is configured, so that the points stay apart
	leadFloor   = 30 * time.Second
	leadCeiling = 20 * time.Minute
)

// Plan is the schedule of one token, as offsets from its birth: the moment at
// which it was asked for.
type Plan struct {
	Life       time.Duration // expiry
	Lead       time.Duration // how long before expiry refresh is due, jitter not included
	Refresh    time.Duration // refresh point
	Warn       time.Duration // warning point
	LastChance time.Duration // a try that is made whatever the back-off says
}

// NewPlan returns the schedule of a token that lives for life, which must be
// positive. The roll draws its jitter.
func NewPlan(life time.Duration, p Policy, roll float64) Plan {
	lead := leadOf(life, p.RefreshThreshold)
	warn := max(min(p.WarnBefore, life/5, lead*4/5), 1)
	chance := min(p.Timeout+time.Second, lead/3)
	return Plan{
		Life:       life,
		Lead:       lead,
		Refresh:    life - lead - portion(lead/maxJitter, roll),
		Warn:       life - warn,
		LastChance: life - chance - portion(chance/chanceJitter, roll),
	}
}

// Roll returns the roll that moved the refresh point of p, which was made with a
// roll of 0, to where it was: the jitter that a token was born with.
func Roll(p Plan, refresh time.Duration) float64 {
	if p.Lead < maxJitter {
		return 0
	}
	return min(max(float64(p.Refresh-refresh)/float64(p.Lead/maxJitter), 0), 1)
}

const (
	// maxJitter is the part of the lead that jitter adds to it at most.
	maxJitter = 5
	// chanceJitter is the part of the time between last chance and expiry that jitter
	// adds to it at most. Tokens that expire together are not tried together.
	chanceJitter = 2
)

func leadOf(life, threshold time.Duration) time.Duration {
	lead := threshold
	if lead <= 0 {
		lead = min(max(life/4, leadFloor), max(leadCeiling, life/20))
	}
	return min(max(lead, leadLeast), life/2)
}

// MinLeft returns the life a token must have left to be answered without a try
// to replace it. Without a lifetime there is nothing to wish for.
func MinLeft(asked, life time.Duration, p Policy) time.Duration {
	if asked > 0 {
		return min(asked, life/2)
	}
	return min(p.MinTTL, life/10)
}

// AttemptTimeout returns the bound of one attempt. While a living token can be
// served an attempt is kept short, so that several fit in before expiry.
func AttemptTimeout(timeout, lead time.Duration, living bool) time.Duration {
	if !living {
		return timeout
	}
	return min(timeout, max(time.Second, lead/4))
}

func portion(d time.Duration, roll float64) time.Duration {
	return time.Duration(float64(d) * roll)
}
