package sink

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestWhatIsDone(t *testing.T) {
	now := time.Unix(1000, 0)
	one, two := digest{1}, digest{2}
	living := now.Add(time.Nanosecond)
	want := func(sum digest) *wanted { return &wanted{held: held{there: true, sum: sum}} }
	for name, c := range map[string]struct {
		want *wanted
		held held
		keep bool
		act  action
	}{
		"the first token":                         {want(one), held{}, false, write},
		"another token":                           {want(two), held{there: true, sum: one}, false, write},
		"the same token":                          {want(one), held{there: true, sum: one}, false, nothing},
		"the same token with another mode":        {want(one), held{there: true, sum: one, misfit: true}, false, write},
		"no token yet, no file":                   {&wanted{}, held{}, false, nothing},
		"no token yet, an earlier file":           {&wanted{}, held{there: true, expires: living}, false, nothing},
		"an earlier file that never dies":         {&wanted{}, held{there: true}, false, nothing},
		"no token yet, an earlier file that died": {&wanted{}, held{there: true, expires: now}, false, remove},
		"the same to be kept":                     {&wanted{}, held{there: true, expires: now}, true, nothing},
		"a token given up":                        {&wanted{dead: true}, held{there: true, expires: living}, false, remove},
		"a token given up, to be kept":            {&wanted{dead: true}, held{there: true, expires: living}, true, nothing},
		"dead, but removed already":               {&wanted{dead: true}, held{}, false, nothing},
	} {
		if act := decide(c.want, c.held, c.keep, now); act != c.act {
			t.Errorf("%s: %d, want %d", name, act, c.act)
		}
	}
}

func TestTheNextLookComesInTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1000, 0)
		left := time.Duration(rapid.Int64Range(1, int64(48*time.Hour)).Draw(t, "left"))
		wait := nextLook(held{there: true, expires: now.Add(left)}, now)
		if wait <= 0 || wait > left || wait > lookMost || wait < lookLeast && wait < left {
			t.Fatalf("%v left, looks after %v", left, wait)
		}
		if left > 4*lookLeast && wait > left/4 {
			t.Fatalf("%v left, looks after %v only", left, wait)
		}
	})
	for _, h := range []held{{}, {there: true}, {there: true, expires: time.Unix(1000, 0)}} {
		if wait := nextLook(h, time.Unix(1000, 0)); wait != lookMost {
			t.Errorf("%+v: looks after %v", h, wait)
		}
	}
}

func TestBackOff(t *testing.T) {
	var b backOff
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		if got := b.next(); got != want*time.Second {
			t.Errorf("pause %d is %v", i, got)
		}
	}
	if b.reset(); b.next() != retryFirst {
		t.Error("reset does nothing")
	}
}
