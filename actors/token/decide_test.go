package token

import (
	"testing"
	"time"

	"tokend/actors/schedule"
	"tokend/messages"
)

// moment is some time at which tokens of these tests live.
var moment = schedule.At(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Hour)

// an hour's token born at moment.
func hour() *held {
	h := &held{birth: moment, roll: 0.5, token: messages.Token{Generation: 1, Fingerprint: "f"}}
	h.schedule(time.Hour, &Options{Policy: schedule.Policy{
		Timeout: 10 * time.Second, WarnBefore: 5 * time.Minute, MinTTL: 10 * time.Second,
	}})
	return h
}

func endless() *held { return &held{birth: moment, token: messages.Token{Fingerprint: "f"}} }

func TestDecide(t *testing.T) {
	failed := &messages.Failure{Class: messages.ClassTransient}
	long := moment.Add(-time.Hour)
	tests := map[string]struct {
		state State
		after time.Duration
		asked time.Duration
		want  decision
	}{
		"nothing yet":                          {State{}, 0, 0, launch},
		"a living token":                       {State{held: hour()}, time.Minute, 0, answer},
		"exactly the usual wish left":          {State{held: hour()}, time.Hour - 10*time.Second, 0, answer},
		"a nanosecond less than the wish":      {State{held: hour()}, time.Hour - 10*time.Second + 1, 0, launch},
		"more asked than is left":              {State{held: hour()}, 40 * time.Minute, 25 * time.Minute, launch},
		"more than half of its life asked":     {State{held: hour()}, 30 * time.Minute, 50 * time.Minute, answer},
		"dead":                                 {State{held: hour()}, time.Hour, 0, launch},
		"refused by a resource server":         {State{held: hour(), invalidated: true}, time.Minute, 0, launch},
		"a flight is under way":                {State{flight: flight{phase: flying}}, 0, 0, join},
		"a flight waits at the gate":           {State{flight: flight{phase: queued}}, 0, 0, join},
		"a flight under way, the token does":   {State{held: hour(), flight: flight{phase: flying}}, 0, 0, answer},
		"short of life, last try a moment ago": {State{held: hour(), flight: flight{began: moment.Add(40 * time.Minute)}}, 40 * time.Minute, 25 * time.Minute, answer},
		"nothing, last try a moment ago":       {State{flight: flight{began: moment}}, 0, 0, launch},
		"in back-off without a token":          {State{failure: failed, nextTry: moment.Add(time.Second)}, 0, 0, refuse},
		"in back-off with a short token": {
			State{held: hour(), failure: failed, nextTry: moment.Add(time.Hour)}, time.Hour - time.Second, 0, answer,
		},
		"back-off is over":                 {State{failure: failed, nextTry: moment, flight: flight{began: long}}, 0, 0, launch},
		"in back-off, but a try was asked": {State{failure: failed, nextTry: moment.Add(time.Minute), want: moment.Add(time.Second)}, 0, 0, join},
		"no expiry":                        {State{held: endless()}, 1000 * time.Hour, time.Hour, answer},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.state.decide(moment.Add(tt.after), tt.asked); got != tt.want {
				t.Errorf("decision %d, want %d", got, tt.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	failed := &messages.Failure{}
	h := hour()
	refresh := h.at.Refresh.Until(moment)
	tests := map[string]struct {
		state State
		after time.Duration
		want  string
	}{
		"none yet":                        {State{}, 0, messages.StateEmpty},
		"none yet and failing":            {State{failure: failed}, 0, messages.StateEmpty},
		"one nanosecond before refresh":   {State{held: h}, refresh - 1, messages.StateFresh},
		"at refresh":                      {State{held: h}, refresh, messages.StateDue},
		"failing":                         {State{held: h, failure: failed}, 0, messages.StateDegraded},
		"one nanosecond before expiry":    {State{held: h, failure: failed}, time.Hour - 1, messages.StateDegraded},
		"at expiry":                       {State{held: h}, time.Hour, messages.StateExpired},
		"invalidated":                     {State{held: h, invalidated: true}, 0, messages.StateExpired},
		"without expiry, after a century": {State{held: endless()}, 100 * 365 * 24 * time.Hour, messages.StateFresh},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.state.name(moment.Add(tt.after)); got != tt.want {
				t.Errorf("state %s, want %s", got, tt.want)
			}
		})
	}
}

func TestEitherClockKills(t *testing.T) {
	st := State{held: hour()}
	wall := moment.Time()
	tests := map[string]struct {
		now  schedule.Instant
		want bool
	}{
		"both before expiry":                {schedule.At(wall.Add(59*time.Minute), time.Hour+59*time.Minute), true},
		"the machine slept":                 {schedule.At(wall.Add(time.Hour), time.Hour+time.Minute), false},
		"the wall clock was stepped back":   {schedule.At(wall.Add(-time.Hour), 2*time.Hour), false},
		"stepped back, but not old":         {schedule.At(wall.Add(-time.Hour), time.Hour+time.Minute), true},
		"stepped forward past the expiry":   {schedule.At(wall.Add(24*time.Hour), time.Hour), false},
		"one nanosecond before on one":      {schedule.At(wall.Add(time.Hour-1), time.Hour), true},
		"one nanosecond before on both":     {schedule.At(wall.Add(time.Hour-1), 2*time.Hour-1), true},
		"at expiry by the monotonic clock":  {schedule.At(wall, 2*time.Hour), false},
		"at expiry by the wall clock alone": {schedule.At(wall.Add(time.Hour), time.Hour), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := st.living(tt.now); got != tt.want {
				t.Errorf("living = %v", got)
			}
			if got := st.enough(tt.now, time.Nanosecond); got != tt.want {
				t.Errorf("enough = %v", got)
			}
		})
	}
}

func TestSameAgain(t *testing.T) {
	tests := map[string]struct {
		held *held
		l    landing
		want bool
	}{
		"no token before":                 {nil, landing{fingerprint: "f", life: time.Hour}, false},
		"another token":                   {hour(), landing{fingerprint: "g", life: time.Minute}, false},
		"the same with less life":         {hour(), landing{fingerprint: "f", life: 30 * time.Minute}, true},
		"the same with as much":           {hour(), landing{fingerprint: "f", life: 50 * time.Minute}, true},
		"the same within rounding":        {hour(), landing{fingerprint: "f", life: 50*time.Minute + 2*time.Second}, true},
		"the same with a later expiry":    {hour(), landing{fingerprint: "f", life: 50*time.Minute + 3*time.Second}, false},
		"the same without expiry":         {endless(), landing{fingerprint: "f"}, true},
		"the same, now with an expiry":    {endless(), landing{fingerprint: "f", life: time.Hour}, true},
		"the same, now without an expiry": {hour(), landing{fingerprint: "f"}, false},
		"another without expiry":          {endless(), landing{fingerprint: "g"}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.l.asked = moment.Add(10 * time.Minute)
			st := State{held: tt.held}
			if got := st.sameAgain(&tt.l); got != tt.want {
				t.Errorf("sameAgain = %v", got)
			}
		})
	}
}

func TestNextLooksAtWhatIsStillToCome(t *testing.T) {
	h := hour()
	at := h.at
	refresh := at.Refresh.Until(moment)
	tests := map[string]struct {
		state State
		after time.Duration
		want  schedule.Instant
	}{
		"idle":                       {State{}, 0, schedule.Instant{}},
		"refresh comes first":        {State{held: h, needed: true}, 0, at.Refresh},
		"then the warning":           {State{held: h, needed: true, flight: flight{phase: flying, deadline: at.Expiry}}, refresh, at.Warn},
		"then the expiry":            {State{held: h, needed: true, warned: true, flight: flight{phase: flying, deadline: at.Expiry.Add(1)}}, at.Warn.Until(moment), at.Expiry},
		"the flight's deadline":      {State{needed: true, flight: flight{phase: flying, deadline: at.Warn}}, 0, at.Warn},
		"a pending warning":          {State{held: endless(), needed: true, extra: &extra{overdue: []overdue{{at.Warn, h}}}}, 0, at.Warn},
		"nothing without an expiry":  {State{held: endless(), needed: true}, 0, schedule.Instant{}},
		"nothing for a token unseen": {State{held: h, needed: true, invalidated: true, nextTry: at.Refresh}, 0, at.Refresh},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.state.next(moment.Add(tt.after)); got != tt.want {
				t.Errorf("next in %v, want %v", got.Until(moment), tt.want.Until(moment))
			}
		})
	}
}
