package provider

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"tokend/messages"
)

var (
	asked    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	answered = asked.Add(2 * time.Second)
	unsigned = messages.NewSecret("opaque")
)

// signed returns a token with the given payload that looks signed.
func signed(payload string) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + part([]byte(payload)) + ".c2ln"
}

func expiresAt(at time.Time) messages.Secret {
	return messages.NewSecret(signed(fmt.Sprintf(`{"exp":%d}`, at.Unix())))
}

// lifetimes are results of requests that took from asked to answered.
var lifetimes = map[string]struct {
	res      Result
	fallback time.Duration
	life     time.Duration
	forever  bool
	notes    string // their keys
	problem  string
}{
	"expires_in counts from the request":          {res: Result{Lifetime: time.Hour}, life: time.Hour},
	"an absolute time counts from the request":    {res: Result{ExpiresAt: asked.Add(time.Hour)}, life: time.Hour},
	"an absolute time is compared with Date":      {res: Result{ExpiresAt: asked.Add(3 * time.Hour), Date: asked.Add(2 * time.Hour)}, life: time.Hour - time.Second, notes: "clocks"},
	"so is one of an IdP whose clock is slow":     {res: Result{ExpiresAt: asked.Add(-time.Hour), Date: asked.Add(-2 * time.Hour)}, life: time.Hour - time.Second, notes: "clocks"},
	"the exp of a JWT":                            {res: Result{AccessToken: expiresAt(asked.Add(time.Minute))}, life: time.Minute},
	"the exp of a JWT is compared with Date":      {res: Result{AccessToken: expiresAt(asked.Add(time.Minute)), Date: asked.Add(30 * time.Second)}, life: 29 * time.Second},
	"the earliest wins: expires_in":               {res: Result{Lifetime: time.Minute, ExpiresAt: asked.Add(time.Hour), AccessToken: expiresAt(asked.Add(2 * time.Minute))}, life: time.Minute},
	"the earliest wins: the absolute time":        {res: Result{Lifetime: time.Hour, ExpiresAt: asked.Add(time.Minute), AccessToken: expiresAt(asked.Add(2 * time.Minute))}, life: time.Minute},
	"the earliest wins: exp":                      {res: Result{Lifetime: time.Hour, ExpiresAt: asked.Add(time.Hour), AccessToken: expiresAt(asked.Add(time.Minute))}, life: time.Minute},
	"the default where nothing is said":           {res: Result{AccessToken: unsigned}, fallback: time.Minute, life: time.Minute},
	"the default is not asked otherwise":          {res: Result{Lifetime: time.Hour}, fallback: time.Minute, life: time.Hour},
	"no lifetime and no default":                  {res: Result{AccessToken: unsigned}, problem: "token comes without a lifetime: set default_ttl"},
	"no expiry":                                   {res: Result{AccessToken: unsigned, NoExpiry: true}, forever: true},
	"no expiry comes before the default":          {res: Result{NoExpiry: true}, fallback: time.Minute, forever: true},
	"a JWT's exp comes before no expiry":          {res: Result{AccessToken: expiresAt(asked.Add(time.Minute)), NoExpiry: true}, life: time.Minute},
	"a JWT without exp says nothing":              {res: Result{AccessToken: messages.NewSecret(signed(`{"sub":"a"}`))}, fallback: time.Minute, life: time.Minute},
	"a negative lifetime":                         {res: Result{Lifetime: -time.Second}, problem: "token has expired already, 1s before it was asked for: check clocks"},
	"an absolute time in the past":                {res: Result{ExpiresAt: asked.Add(-time.Hour)}, problem: "token has expired already, 1h0m0s before it was asked for: check clocks"},
	"an exp in the past outweighs all":            {res: Result{Lifetime: time.Hour, AccessToken: expiresAt(asked.Add(-time.Minute))}, problem: "token has expired already, 1m0s before it was asked for: check clocks"},
	"a token that died on the way":                {res: Result{Lifetime: time.Second}, problem: "token lives for 1s, but took 2s to arrive"},
	"a lifetime of a million years":               {res: Result{Lifetime: 1<<63 - 1}, problem: "token lives for about 100 years by expires_in, and at most 5 are allowed: set max_ttl, which then bounds it"},
	"an absolute time in the year 9999":           {res: Result{ExpiresAt: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}, problem: "token lives for about 100 years by expires_at, and at most 5 are allowed: set max_ttl, which then bounds it"},
	"a default of a million years":                {fallback: 1<<63 - 1, life: maxLifetime},
	"an exp that is absurd":                       {res: Result{AccessToken: messages.NewSecret(signed(`{"exp":1e300}`))}, problem: "exp of the token is neither RFC 3339 nor a number since 1970"},
	"an exp with a fraction":                      {res: Result{AccessToken: messages.NewSecret(signed(fmt.Sprintf(`{"exp":%d.5}`, asked.Unix()+60)))}, life: 60*time.Second + 500*time.Millisecond},
	"an exp as a text":                            {res: Result{AccessToken: messages.NewSecret(signed(fmt.Sprintf(`{"exp":"%d"}`, asked.Unix()+60)))}, life: time.Minute},
	"an exp that is no number":                    {res: Result{AccessToken: messages.NewSecret(signed(`{"exp":{}}`))}, fallback: time.Minute, problem: "exp of the token is neither RFC 3339 nor a number since 1970"},
	"three parts that are no JWT":                 {res: Result{AccessToken: messages.NewSecret("a.b.c")}, fallback: time.Minute, life: time.Minute},
	"an encrypted JWT":                            {res: Result{AccessToken: messages.NewSecret(signed(`{"exp":1}`) + ".a.b")}, fallback: time.Minute, life: time.Minute},
	"a payload that is no object":                 {res: Result{AccessToken: messages.NewSecret(signed(`[1]`))}, fallback: time.Minute, life: time.Minute},
	"a payload with padding":                      {res: Result{AccessToken: messages.NewSecret("eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ==.c2ln")}, fallback: time.Minute, life: time.Minute},
	"an exp of before 1970 is in the past":        {res: Result{AccessToken: messages.NewSecret(signed(`{"exp":-1}`)), Date: time.Unix(1, 0)}, problem: "exp of the token is not positive"},
	"a lifetime of exactly the time on the way":   {res: Result{Lifetime: 2 * time.Second}, problem: "token lives for 2s, but took 2s to arrive"},
	"a lifetime just above the time on the way":   {res: Result{Lifetime: 2*time.Second + 1}, life: 2*time.Second + 1},
	"an absolute time just after the answer":      {res: Result{ExpiresAt: answered.Add(1)}, life: 2*time.Second + 1},
	"an absolute time at the moment of arrival":   {res: Result{ExpiresAt: answered}, problem: "token lives for 2s, but took 2s to arrive"},
	"an absolute time on the way without a Date":  {res: Result{ExpiresAt: asked.Add(time.Second)}, problem: "token lives for 1s, but took 2s to arrive"},
	"an absolute time next to a Date on the way":  {res: Result{ExpiresAt: asked.Add(10 * time.Second), Date: answered}, life: 7 * time.Second},
	"an absolute time next to a Date at the send": {res: Result{ExpiresAt: asked.Add(10 * time.Second), Date: asked}, life: 9 * time.Second},
}

func TestLifetime(t *testing.T) {
	for name, c := range lifetimes {
		t.Run(name, func(t *testing.T) {
			life, err := Lifetime(c.res, asked, answered, Bounds{Default: c.fallback})
			if c.problem != "" {
				if err == nil {
					t.Fatalf("got %s, want an error", life.Length)
				}
				wantFailure(t, err, messages.ClassMalformed, c.problem)
				return
			}
			if err != nil || life.Length != c.life || life.Expires == c.forever || keysOf(life.Notes) != c.notes {
				t.Errorf("got %+v, %v; want %s", life, err, c.life)
			}
		})
	}
}

// keysOf returns the keys of notes, with a comma between them.
func keysOf(notes []Note) string {
	var keys []string
	for _, note := range notes {
		keys = append(keys, note.Key)
	}
	return strings.Join(keys, ", ")
}

func TestLifetimeDoesNotMindAClockThatStepsMeanwhile(t *testing.T) {
	// The wall clock went back an hour while the request was under way; the
	// monotonic reading did not.
	start := time.Now()
	stepped := start.Add(time.Second)
	at := start.Round(0).Add(time.Minute)
	life, err := Lifetime(Result{ExpiresAt: at}, start, stepped, Bounds{})
	if err != nil || life.Length != time.Minute {
		t.Errorf("got %+v, %v", life, err)
	}
	life, err = Lifetime(Result{Lifetime: time.Minute}, asked, asked.Add(-time.Hour), Bounds{})
	if err != nil || life.Length != time.Minute {
		t.Errorf("answered before asked: got %+v, %v", life, err)
	}
}

func FuzzLifetime(f *testing.F) {
	f.Add("opaque", int64(3600), int64(0), int64(0), int64(0), int64(2))
	f.Add(signed(`{"exp":1772366400}`), int64(0), int64(1772366400), int64(1772366300), int64(60), int64(-5))
	f.Add(signed(`{"exp":1e308}`), int64(-1)<<62, int64(1)<<62, int64(-1)<<62, int64(1)<<62, int64(1)<<40)
	f.Fuzz(func(t *testing.T, token string, life, at, date, fallback, took int64) {
		res := Result{AccessToken: messages.NewSecret(token), Lifetime: time.Duration(life), NoExpiry: fallback < 0, Lasting: took&1 == 1}
		if at != 0 {
			res.ExpiresAt = time.Unix(at, 0)
		}
		if date != 0 {
			res.Date = time.Unix(date, 0)
		}
		l, err := Lifetime(res, asked, asked.Add(time.Duration(took)), Bounds{Default: time.Duration(fallback)})
		got, expires := l.Length, l.Expires
		switch {
		case err != nil && err.Dead != (err.Reason == "" || err.Reason == ReasonNotPositive):
			t.Errorf("dead is %v: %v", err.Dead, err)
		case err != nil && (got != 0 || expires || err.Class != messages.ClassMalformed):
			t.Errorf("error with a result: %s, %v, %v", got, expires, err)
		case err == nil && !expires && (got != 0 || !res.NoExpiry && (!res.Lasting || fallback > 0)):
			t.Errorf("no expiry for %s, %+v", got, res)
		case err == nil && expires && (got <= 0 || got > l.Stated || got > maxLifetime || life > 0 && got > res.Lifetime):
			t.Errorf("got %s", got)
		}
	})
}
