package provider

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"tokend/messages"
)

// told is what an answer of an OAuth endpoint comes to, whose Date is the given one:
// "LIFE SOURCE [KEYS OF NOTES]", or the text of the error.
func told(body string, date time.Time, by Bounds) string {
	res, err := jsonMembers(gjson.Parse(body)).result(date)
	if err != nil {
		return Classify(err).Text
	}
	return toldOf(res, by)
}

func toldOf(res Result, by Bounds) string {
	life, err := Lifetime(res, asked, answered, by)
	if err != nil {
		return err.Text
	}
	said := "no end"
	if life.Expires {
		said = life.Length.String() + " " + life.Source
	}
	if keys := keysOf(life.Notes); keys != "" {
		said += " [" + keys + "]"
	}
	return said
}

// opaqueWith returns an answer with an opaque token and more members.
func opaqueWith(more string) string { return `{"access_token":"at",` + more + `}` }

// withJWT returns one with a JWT of these claims.
func withJWT(claims, more string) string {
	if more != "" {
		more = "," + more
	}
	return `{"access_token":"` + signed(claims) + `"` + more + `}`
}

// epochOf is asked and that much more, as seconds since 1970.
func epochOf(d time.Duration) int64 { return asked.Add(d).Unix() }

func TestEverySourceBoundsEveryOther(t *testing.T) {
	const dead = "token has expired already, 1h0m0s before it was asked for: check clocks"
	hour, day := time.Hour, 24*time.Hour
	jwt := func(iat, exp time.Duration) string {
		return fmt.Sprintf(`{"iat":%d,"exp":%d}`, epochOf(iat), epochOf(exp))
	}
	until := func(d time.Duration) string { return fmt.Sprintf(`"expires_at":%d`, epochOf(d)) }
	for name, c := range map[string]struct {
		body string
		date time.Duration // from asked; 0: no Date
		want string
	}{
		"expires_in before exp":                      {withJWT(jwt(0, hour), `"expires_in":60`), 1, "59s expires_in"},
		"exp before expires_in":                      {withJWT(jwt(0, 60*time.Second), `"expires_in":3600`), 1, "59s jwt"},
		"exp minus iat, whatever exp is compared to": {withJWT(jwt(2*hour, 3*hour), `"expires_in":36000`), 0, "59m59s jwt"},
		"a JWT that was issued long ago":             {withJWT(jwt(-hour, time.Minute), `"expires_in":3600`), 1, "59s jwt"},
		"iat after exp says nothing":                 {withJWT(jwt(2*hour, hour), `"expires_in":7200`), 1, "59m59s jwt"},
		"a field before all":                         {withJWT(jwt(0, hour), `"expires_in":3600,`+until(time.Minute)), 1, "59s expires_at"},
		"a field without a Date":                     {opaqueWith(until(time.Minute)), 0, "1m0s expires_at"},
		"a field by another name":                    {opaqueWith(fmt.Sprintf(`"expires_in":3600,"expires_on":"%d"`, epochOf(time.Minute))), 0, "1m0s expires_at"},
		"exp beside the token":                       {opaqueWith(fmt.Sprintf(`"expires_in":3600,"exp":%d`, epochOf(time.Minute))), 0, "1m0s expires_at"},
		"ours is fast by hours":                      {opaqueWith(until(-2 * hour)), -3 * hour, "59m59s expires_at [clocks]"},
		"ours is slow by hours":                      {opaqueWith(until(4 * hour)), 3 * hour, "59m59s expires_at [clocks]"},
		"theirs is fast, and so is its Date":         {withJWT(jwt(20*hour, 21*hour), ""), 20 * hour, "59m59s jwt [clocks]"},
		"the Date is of a cache":                     {opaqueWith(until(hour)), -10 * hour, "1h0m0s expires_at [clocks]"},
		"the Date is of a cache that is fast":        {opaqueWith(until(hour)), 10 * hour, "1h0m0s expires_at [clocks]"},
		"the shorter of two positive readings":       {opaqueWith(until(hour)), hour / 2, "29m59s expires_at [clocks]"},
		"dead by both":                               {opaqueWith(until(-hour)), 1, dead},
		"dead, whatever else lives":                  {withJWT(jwt(0, hour), `"expires_in":3600,`+until(-hour)), 1, dead},
		"each field by itself":                       {opaqueWith(until(-hour) + fmt.Sprintf(`,"expires_on":%d`, epochOf(10*time.Second))), -2 * hour, "10s expires_at [clocks]"},
		"a Date of another year":                     {opaqueWith(until(hour)), -400 * day, "1h0m0s expires_at [date]"},
		"a Date of another year, and of a JWT":       {withJWT(jwt(-400*day, -400*day+hour), ""), -400 * day, "59m59s jwt [clocks]"},
		"ours is off by ten years":                   {withJWT(jwt(3650*day, 3650*day+hour), ""), 3650*day + 4*time.Minute, "55m59s jwt [clocks]"},
		"iat is too far from the Date":               {withJWT(jwt(-400*day, -400*day+hour), ""), -400*day + 6*time.Minute, "token has expired already, 9599h0m0s before it was asked for: check clocks"},
		"a Date that is a minute off":                {opaqueWith(`"expires_in":3600`), -time.Minute, "59m59s expires_in"},
		"a Date that is a little more off":           {opaqueWith(`"expires_in":3600`), -61 * time.Second, "59m59s expires_in [clocks]"},
		"a Date that is a day off":                   {opaqueWith(`"expires_in":3600`), -day, "59m59s expires_in [clocks]"},
		"a Date that is over a day off":              {opaqueWith(`"expires_in":3600`), -day - time.Second, "59m59s expires_in [date]"},
		"members of other tokens":                    {opaqueWith(`"expires_in":3600,"refresh_expires_in":5,"refresh_token_expires_in":5,"not_before":4000000000,"id_token_expires_at":1`), 1, "59m59s expires_in"},
	} {
		t.Run(name, func(t *testing.T) {
			var date time.Time
			if c.date != 0 {
				date = asked.Add(c.date).Truncate(time.Second)
			}
			if got := told(c.body, date, Bounds{}); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestNumbersGoByTheirSize(t *testing.T) {
	last := asked.Add(time.Hour)
	const days = "is a date in digits, whose zone is unknown: must be RFC 3339 or a number since 1970"
	for name, c := range map[string]struct{ number, want string }{
		"seconds":                      {fmt.Sprint(last.Unix()), ""},
		"seconds with a fraction":      {fmt.Sprintf("%d.0", last.Unix()), ""},
		"milliseconds":                 {fmt.Sprint(last.UnixMilli()), ""},
		"microseconds":                 {fmt.Sprint(last.UnixMicro()), ""},
		"nanoseconds":                  {fmt.Sprint(last.UnixNano()), ""},
		"seconds as a text":            {fmt.Sprintf(`"%d"`, last.Unix()), ""},
		"milliseconds as a text":       {fmt.Sprintf(`" %d "`, last.UnixMilli()), ""},
		"microseconds as a text":       {fmt.Sprintf(`"%d"`, last.UnixMicro()), ""},
		"nanoseconds as a text":        {fmt.Sprintf(`"%d"`, last.UnixNano()), ""},
		"an exponent":                  {"1.7723700e9", ""},
		"RFC 3339":                     {`"2026-03-01T13:00:00Z"`, ""},
		"RFC 3339 with a zone":         {`"2026-03-01t15:00:00.000+02:00"`, ""},
		"RFC 3339 with a space":        {`"2026-03-01 13:00:00z"`, ""},
		"a zone without a colon":       {`"2026-03-01T14:00:00.000+0100"`, ""},
		"a zone of hours":              {`"2026-03-01 14:00:00+01"`, ""},
		"a zone behind a space":        {`"2026-03-01 14:00:00 +0100"`, ""},
		"UTC by its name":              {`"2026-03-01 13:00:00 UTC"`, ""},
		"the basic form":               {`"20260301T130000Z"`, ""},
		"as HTTP writes it":            {`"Sun, 01 Mar 2026 13:00:00 GMT"`, ""},
		"as mails write it":            {`"Sun, 1 Mar 2026 14:00:00 +0100"`, ""},
		"a date":                       {"20260301", "20260301 " + days},
		"a date as a text":             {`"20260301"`, "20260301 " + days},
		"a date and a time":            {"20260301130000", "20260301130000 " + days},
		"a date and a time as a text":  {`"20260301130000"`, "20260301130000 " + days},
		"a date and a time to minutes": {"202603011300", "202603011300 " + days},
		"one to milliseconds":          {"20260301130000123", "20260301130000124 " + days},
		"a lifetime":                   {"3600", "3600 is a lifetime: use expires_in"},
		"a lifetime as a text":         {`"3600"`, "3600 is a lifetime: use expires_in"},
		"a lifetime of a year":         {"31536000", "31536000 is a lifetime: use expires_in"},
		"a lifetime of milliseconds":   {"3600000", "3600000 is a lifetime: use expires_in"},
		"no zone":                      {`"2026-03-01T13:00:00"`, errNoZone.Error()},
		"no zone, but a space":         {`"2026-03-01 13:00:00.123"`, errNoZone.Error()},
		"a zone that is not known":     {`"Sun, 01 Mar 2026 13:00:00 PST"`, errNoTime.Error()},
		"a day alone":                  {`"2026-03-01"`, errNoTime.Error()},
		"a boolean":                    {"true", errNoTime.Error()},
		"an empty text":                {`""`, errNoTime.Error()},
		"a word":                       {`"never"`, errNoTime.Error()},
		"more than a year can be":      {"1e300", errNoTime.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			for place, body := range map[string]string{
				"expires_at": opaqueWith(`"expires_at":` + c.number), "expires_on": opaqueWith(`"expires_on":` + c.number),
				"exp of the token": withJWT(`{"exp":`+c.number+`}`, ""),
			} {
				got := told(body, time.Time{}, Bounds{Default: time.Minute})
				if c.want == "" && !strings.HasPrefix(got, "1h0m0s ") {
					t.Errorf("%s: %s", place, got)
				}
				if c.want != "" && got != (&end{name: place, err: fmt.Errorf("%s", c.want)}).problem() {
					t.Errorf("%s:\ngot  %s\nwant %s", place, got, c.want)
				}
			}
		})
	}
}

func TestALifetimeIsNoTime(t *testing.T) {
	const most = ", and at most 5 are allowed: set max_ttl, which then bounds it"
	for name, c := range map[string]struct {
		members string
		by      Bounds
		want    string
	}{
		"seconds since 1970":            {`"expires_in":1772370000`, Bounds{}, "expires_in: 1772370000 is a time: use expires_at"},
		"as a text":                     {`"expires_in":"1772370000"`, Bounds{}, "expires_in: 1772370000 is a time: use expires_at"},
		"milliseconds since 1970":       {`"expires_in":1772370000000`, Bounds{}, "expires_in: 1772370000000 is a time: use expires_at"},
		"microseconds since 1970":       {`"expires_in":1772370000000000`, Bounds{}, "expires_in: 1772370000000000 is a time: use expires_at"},
		"nanoseconds since 1970":        {`"expires_in":1772370000000000000`, Bounds{}, "expires_in: 1772370000000000000 is a time: use expires_at"},
		"whatever bounds it":            {`"expires_in":1772370000`, Bounds{Max: time.Hour}, "expires_in: 1772370000 is a time: use expires_at"},
		"a text that is a time":         {`"expires_in":"2026-03-01T13:00:00Z"`, Bounds{}, "expires_in is a time: use expires_at"},
		"a date":                        {`"expires_in":20260301`, Bounds{Max: time.Hour}, "expires_in: 20260301 is a date in digits, not a lifetime: use expires_at with RFC 3339"},
		"a date and a time":             {`"expires_in":"20260301130000"`, Bounds{Max: time.Hour}, "expires_in: 20260301130000 is a date in digits, not a lifetime: use expires_at with RFC 3339"},
		"beside one that can be read":   {fmt.Sprintf(`"expires_in":1772370000,"expires_at":%d`, epochOf(time.Hour)), Bounds{}, "1h0m0s expires_at [unreadable expires_in]"},
		"a lifetime beside an end":      {`"expires_in":60,"expires_at":3600`, Bounds{}, "59s expires_in [unreadable expires_at]"},
		"a century":                     {`"expires_in":3153600000`, Bounds{}, "expires_in: 3153600000 is a time: use expires_at; or it is a lifetime of 100 years: set max_ttl, which then bounds it"},
		"a century with max_ttl":        {`"expires_in":3153600000`, Bounds{Max: time.Hour}, "1h0m0s max_ttl"},
		"ten years":                     {`"expires_in":315360000`, Bounds{}, "token lives for about 10 years by expires_in" + most + ", or use expires_in_ms if 315360000 counts milliseconds"},
		"ten years with max_ttl":        {`"expires_in":315360000`, Bounds{Max: time.Hour}, "1h0m0s max_ttl"},
		"a week of milliseconds":        {`"expires_in":604800000`, Bounds{}, "token lives for about 19 years by expires_in" + most + ", or use expires_in_ms if 604800000 counts milliseconds"},
		"five years and their days":     {`"expires_in":157852800`, Bounds{}, "43847h59m59s expires_in"},
		"a day more":                    {`"expires_in":157939200`, Bounds{}, "token lives for about 5 years by expires_in" + most},
		"a time in ten years":           {`"expires_at":"2036-03-01T12:00:00Z"`, Bounds{}, "token lives for about 10 years by expires_at" + most},
		"one in 9999":                   {`"expires_at":"9999-12-31T23:59:59Z"`, Bounds{}, "token lives for about 100 years by expires_at" + most},
		"one in 9999, and one sooner":   {`"expires_in":60,"expires_at":"9999-12-31T23:59:59Z"`, Bounds{}, "59s expires_in"},
		"max_ttl bounds expires_in":     {`"expires_in":3600`, Bounds{Max: time.Minute}, "1m0s max_ttl"},
		"max_ttl bounds a time":         {`"expires_at":"2026-03-01T13:00:00Z"`, Bounds{Max: time.Minute}, "1m0s max_ttl"},
		"max_ttl bounds default_ttl":    {`"a":1`, Bounds{Default: time.Hour, Max: time.Minute}, "1m0s max_ttl"},
		"max_ttl does not lengthen":     {`"expires_in":60`, Bounds{Max: time.Hour}, "59s expires_in"},
		"the year 9999":                 {`"expires_at":253402300799`, Bounds{}, "token lives for about 100 years by expires_at" + most},
		"the year 9999 with max_ttl":    {`"expires_at":253402300799`, Bounds{Max: time.Hour}, "1h0m0s max_ttl"},
		"max_ttl stands in for nothing": {`"a":1`, Bounds{Max: time.Hour}, "token comes without a lifetime: set default_ttl"},
		"default_ttl may be long":       {`"a":1`, Bounds{Default: 87600 * time.Hour}, "87600h0m0s default_ttl"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := told(opaqueWith(c.members), time.Time{}, c.by); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestWhatCannotBeReadIsNoAbsence(t *testing.T) {
	unread := map[string]string{
		"a word": `"soon"`, "a unit": `"3600s"`, "an empty text": `""`, "true": "true", "an object": "{}", "a list": "[3600]",
		"a lifetime of ISO 8601": `"PT1H"`, "a time of day": `"13:00:00"`,
	}
	for name, value := range unread {
		t.Run(name, func(t *testing.T) {
			for _, member := range []string{"expires_in", "expires_at", "expires_on", "exp"} {
				got := told(opaqueWith(`"`+member+`":`+value), time.Time{}, Bounds{Default: time.Hour, Max: time.Hour})
				if !strings.HasPrefix(got, member+" is ") {
					t.Errorf("%s alone: %s", member, got)
				}
				got = told(withJWT(fmt.Sprintf(`{"exp":%d}`, epochOf(time.Minute)), `"`+member+`":`+value), time.Time{}, Bounds{Default: time.Hour})
				if want := "1m0s jwt [unreadable " + member + "]"; got != want {
					t.Errorf("%s beside a JWT: %s", member, got)
				}
			}
			got := told(withJWT(`{"exp":`+value+`}`, ""), time.Time{}, Bounds{Default: time.Hour})
			if !strings.HasPrefix(got, "exp of the token is ") {
				t.Errorf("exp alone: %s", got)
			}
			if got = told(withJWT(`{"exp":`+value+`}`, `"expires_in":60`), time.Time{}, Bounds{}); got != "59s expires_in [unreadable exp of the token]" {
				t.Errorf("exp beside expires_in: %s", got)
			}
		})
	}
	for _, member := range []string{"expires_in", "expires_at", "expires_on", "exp"} {
		if got := told(opaqueWith(`"`+member+`":null`), time.Time{}, Bounds{Default: time.Hour}); got != "1h0m0s default_ttl" {
			t.Errorf("null %s: %s", member, got)
		}
		for _, dead := range []string{"0", "-1", `"0"`, `"-1"`} {
			got := told(withJWT(fmt.Sprintf(`{"exp":%d}`, epochOf(time.Minute)), `"`+member+`":`+dead), time.Time{}, Bounds{Default: time.Hour})
			if got != member+" is not positive" {
				t.Errorf("%s %s: %s", member, dead, got)
			}
		}
	}
}

func TestWholeSecondsEndOneSooner(t *testing.T) {
	date := asked.Truncate(time.Second)
	for name, c := range map[string]struct {
		res            Result
		by             Bounds
		counts, stated time.Duration
	}{
		"a host's lifetime":            {res: Result{Lifetime: time.Hour}, counts: time.Hour, stated: time.Hour},
		"one that is of whole seconds": {res: Result{Lifetime: time.Hour, WholeSeconds: true}, counts: time.Hour - time.Second, stated: time.Hour},
		"2 s":                          {res: Result{Lifetime: 2 * time.Second, WholeSeconds: true}, counts: time.Second, stated: 2 * time.Second},
		"1 s":                          {res: Result{Lifetime: time.Second, WholeSeconds: true}, counts: time.Second / 2, stated: time.Second},
		"an end without a Date":        {res: Result{ExpiresAt: asked.Add(time.Minute)}, counts: time.Minute, stated: time.Minute},
		"an end beside a Date":         {res: Result{ExpiresAt: asked.Add(time.Minute), Date: date}, counts: 59 * time.Second, stated: time.Minute},
		"one of 1.5 s":                 {res: Result{ExpiresAt: asked.Add(1500 * time.Millisecond), Date: date}, counts: 750 * time.Millisecond, stated: 1500 * time.Millisecond},
		"default_ttl":                  {by: Bounds{Default: time.Minute}, counts: time.Minute, stated: time.Minute},
		"max_ttl":                      {res: Result{Lifetime: time.Hour, WholeSeconds: true}, by: Bounds{Max: time.Minute}, counts: time.Minute, stated: time.Minute},
		"max_ttl, just above":          {res: Result{Lifetime: time.Minute, WholeSeconds: true}, by: Bounds{Max: time.Minute}, counts: 59 * time.Second, stated: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			c.res.AccessToken = unsigned
			life, err := Lifetime(c.res, asked, asked.Add(time.Millisecond), c.by)
			if err != nil || life.Length != c.counts || life.Stated != c.stated {
				t.Errorf("%+v, %v", life, err)
			}
		})
	}
	for members, want := range map[string]string{
		`"expires_in":3600`: "59m59s expires_in", `"expires_in":"3600"`: "59m59s expires_in", `"expires_in":3600.0`: "59m59s expires_in",
		`"expires_in":3599.5`: "59m59.5s expires_in", `"expires_in":3.6e3`: "59m59s expires_in",
	} {
		if got := told(opaqueWith(members), time.Time{}, Bounds{}); got != want {
			t.Errorf("%s: %s", members, got)
		}
	}
}

func TestATokenThatIsNotValidYet(t *testing.T) {
	for name, c := range map[string]struct {
		nbf, date time.Duration // from asked; a Date of 0: none
		want      time.Duration
	}{
		"at once":                         {0, 1, 0},
		"in the past":                     {-time.Minute, 1, 0},
		"in 10 s":                         {10 * time.Second, 1, 10 * time.Second}, // 8 s from the answer by this clock
		"in 10 s, no Date":                {10 * time.Second, 0, 10 * time.Second},
		"in the past, no Date":            {-time.Second, 0, 0},
		"in 10 s, the Date is later":      {10 * time.Second, 5 * time.Second, 7 * time.Second},
		"a second by the Date alone":      {time.Second, 1, 0},
		"ours is fast by hours":           {-2*time.Hour + 10*time.Second, -2 * time.Hour, 12 * time.Second},
		"ours is slow by hours":           {2*time.Hour + 10*time.Second, 2 * time.Hour, 12 * time.Second},
		"ours is slow, theirs says valid": {time.Minute, 2 * time.Minute, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var date time.Time
			if c.date != 0 {
				date = asked.Add(c.date).Truncate(time.Second)
			}
			res := Result{AccessToken: messages.NewSecret(signed(fmt.Sprintf(`{"nbf":%d}`, epochOf(c.nbf)))), Date: date}
			life, err := Lifetime(res, asked, answered, Bounds{Default: time.Hour})
			if err != nil || life.NotBefore != c.want {
				t.Errorf("%+v, %v", life, err)
			}
		})
	}
	if got := told(withJWT(`{"nbf":"soon"}`, `"expires_in":60`), time.Time{}, Bounds{}); got != "59s expires_in [unreadable nbf]" {
		t.Error(got)
	}
}

func TestCookieDates(t *testing.T) {
	at := time.Date(2026, 11, 30, 2, 48, 14, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"Mon, 30 Nov 2026 02:48:14 GMT":           at,
		"Mon, 30-Nov-2026 02:48:14 GMT":           at,
		"Monday, 30-Nov-26 02:48:14 GMT":          at,
		"Mon Nov 30 02:48:14 2026":                at,
		"Mon Nov 30 2:48:14 2026":                 at,
		"30 november 2026 02:48:14":               at,
		"Mon, 30 Nov 2026 02:48:14":               at,
		"Mon, 30 Nov 2026 02:48:14 +0200":         at, // zones are not read
		"2026 Nov 30 02:48:14":                    at,
		"Tue, 01 Jan 1980 00:00:00 GMT":           time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC),
		"Tue, 01-Jan-70 00:00:00 GMT":             time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC),
		"Tue, 01-Jan-69 00:00:00 GMT":             time.Date(2069, 1, 1, 0, 0, 0, 0, time.UTC),
		"Sat, 29 Feb 2028 23:59:59 GMT":           time.Date(2028, 2, 29, 23, 59, 59, 0, time.UTC),
		"Sun, 29 Feb 2026 02:48:14 GMT":           {},
		"Mon, 30 Nov 2026 24:00:00 GMT":           {},
		"Mon, 30 Nov 2026 02:48 GMT":              {},
		"Mon, 00 Nov 2026 02:48:14 GMT":           {},
		"Mon, 30 Nov 1600 02:48:14 GMT":           {},
		"Mon, 30 Nov 02026 02:48:14 GMT":          {},
		"2026-11-30T02:48:14Z":                    {},
		"":                                        {},
		"Session":                                 {},
		strings.Repeat("Mon, 30 Nov 2026 99", 99): {},
	} {
		if got, ok := cookieDate(text); !got.Equal(want) && ok || ok == want.IsZero() {
			t.Errorf("%q: %s, %v", text, got, ok)
		}
	}
}

func TestCookiesEnd(t *testing.T) {
	for attributes, want := range map[string]string{
		"":                          "1h0m0s default_ttl",
		"; Path=/; Secure":          "1h0m0s default_ttl",
		"; Max-Age=60":              "59s cookie",
		"; max-age = 60 ":           "59s cookie",
		"; Max-Age=60; Max-Age=600": "9m59s cookie",
		`; Max-Age="60"`:            "59s cookie",
		"; Max-Age=60; Expires=Sun, 01 Mar 2026 12:10:00 GMT":  "59s cookie",
		"; Max-Age=900; Expires=Sun, 01 Mar 2026 12:10:00 GMT": "10m0s cookie",
		"; Expires=Sun, 01 Mar 2026 12:10:00 GMT":              "10m0s cookie",
		"; Expires=Sunday, 01-Mar-26 12:10:00 GMT":             "10m0s cookie",
		"; Expires=Sun, 01-Mar-26 12:10:00 GMT":                "10m0s cookie",
		"; Expires=Sun Mar  1 12:10:00 2026":                   "10m0s cookie",
		"; Expires=1 Mar 2026 12:10:00":                        "10m0s cookie",
		"; Expires=2026-03-01T12:10:00Z":                       "10m0s cookie",
		"; Expires=1772367000":                                 "10m0s cookie",
		"; Expires=1772367000000":                              "10m0s cookie",
		"; Expires=1772367000000000":                           "10m0s cookie",
		"; Expires=1772367000000000000":                        "10m0s cookie",
		"; Expires=0":                                          "1h0m0s default_ttl",
		"; Expires=-1":                                         "1h0m0s default_ttl",
		"; Expires=Session":                                    "1h0m0s default_ttl",
		"; expires=session":                                    "1h0m0s default_ttl",
		"; Expires=":                                           "1h0m0s default_ttl",
		"; Expires":                                            "1h0m0s default_ttl",
		"; Expires=never":                                      "1h0m0s default_ttl",
		"; Max-Age=60; Expires=0":                              "59s cookie",
		"; Expires=20260301121000":                             "the cookie's Expires: 20260301121000 is a date in digits, whose zone is unknown: must be RFC 3339 or a number since 1970",
		"; Expires=20260301":                                   "the cookie's Expires: 20260301 is a date in digits, whose zone is unknown: must be RFC 3339 or a number since 1970",
		"; Expires=3600":                                       "the cookie's Expires: 3600 is a lifetime: use expires_in",
		"; Expires=Sun, 32 Mar 2026 12:10:00 GMT":              "the cookie's Expires is neither RFC 3339 nor a number since 1970",
		"; Expires=in 2 hours":                                 "the cookie's Expires is neither RFC 3339 nor a number since 1970",
		"; Max-Age=60; Expires=3600":                           "59s cookie [unreadable the cookie's Expires]",
		"; Max-Age=1h":                                         "the cookie's Max-Age is not a number",
		"; Max-Age=60.5":                                       "the cookie's Max-Age is not a whole number",
		"; Max-Age=1772367000":                                 "the cookie's Max-Age: 1772367000 is a time: use expires_at",
		"; Max-Age=315360000":                                  "token lives for about 10 years by cookie, and at most 5 are allowed: set max_ttl, which then bounds it",
	} {
		t.Run(attributes, func(t *testing.T) {
			a := &answer{url: &url.URL{}, received: answered, header: http.Header{"Set-Cookie": {"sid=at" + attributes}}}
			var e ends
			e.cookie(a.session("sid"))
			res := Result{AccessToken: unsigned}
			e.fill(&res)
			if got := toldOf(res, Bounds{Default: time.Hour}); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// What lies on this machine may be as old as it likes; max_ttl bounds it, too.
func TestWhatIsNotAcquiredMayLiveLong(t *testing.T) {
	at := noon.Add(20 * 365 * 24 * time.Hour)
	now := func() time.Time { return noon }
	long := signed(fmt.Sprintf(`{"exp":%d}`, at.Unix()))
	century := jsonFile(t, `{"access_token":"at","expires_in":3153600000}`)
	if life, err := Lifetime(acquire(t, mustFile(t, century)), noon, noon, Bounds{}); err != nil || life.Length < maxLifetime-48*time.Hour {
		t.Errorf("a century in a file: %+v, %v", life, err)
	}
	for name, p := range map[string]Provider{
		"static":          must(NewStatic(Static{Token: fixed("at"), ExpiresAt: at, Now: now})),
		"a static JWT":    must(NewStatic(Static{Token: fixed(long), Now: now})),
		"static for ever": must(NewStatic(Static{Token: fixed("at"), Now: now})),
		"a file":          mustFile(t, jsonFile(t, `{"access_token":"at","expires_at":`+fmt.Sprint(at.Unix())+`}`)),
		"a file's JWT":    mustFile(t, fileOf(t, long)),
	} {
		t.Run(name, func(t *testing.T) {
			res := acquire(t, p)
			life, err := Lifetime(res, noon, noon, Bounds{})
			if want := at.Sub(noon); err != nil || life.Expires && life.Length != want || !life.Expires && !strings.HasSuffix(name, "for ever") {
				t.Errorf("%+v, %v", life, err)
			}
			life, err = Lifetime(res, noon, noon, Bounds{Max: time.Hour})
			if err != nil || life.Length != time.Hour || life.Source != SourceMaxTTL {
				t.Errorf("with max_ttl: %+v, %v", life, err)
			}
		})
	}
}

// fixed returns a configured token.
func fixed(token string) func() (messages.Secret, error) {
	return func() (messages.Secret, error) { return messages.NewSecret(token), nil }
}

func must(p Provider, err error) Provider {
	if err != nil {
		panic(err)
	}
	return p
}

func TestClaimsInTheOtherAlphabet(t *testing.T) {
	payload := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d,"a":"???>>>"}`, epochOf(time.Minute)))
	if !strings.ContainsAny(payload, "+/") {
		t.Fatal(payload)
	}
	token := "eyJhbGciOiJIUzI1NiJ9." + payload + ".c2ln"
	if got := told(`{"access_token":"`+token+`"}`, time.Time{}, Bounds{}); got != "1m0s jwt" {
		t.Error(got)
	}
}

func TestDatesInOtherForms(t *testing.T) {
	for date, want := range map[string]string{
		"Sun, 01 Mar 2026 12:30:00 GMT":   "29m59s expires_at [clocks]",
		"Sunday, 01-Mar-26 12:30:00 GMT":  "29m59s expires_at [clocks]",
		"Sun Mar  1 12:30:00 2026":        "29m59s expires_at [clocks]",
		"Sun, 01 Mar 2026 12:30:00 UTC":   "29m59s expires_at [clocks]",
		"Sun, 01 Mar 2026 13:30:00 +0100": "29m59s expires_at [clocks]",
		"2026-03-01T12:30:00Z":            "29m59s expires_at [clocks]",
		"yesterday":                       "1h0m0s expires_at [date]",
		"":                                "1h0m0s expires_at",
	} {
		header := http.Header{"Date": {date}}
		body := fmt.Sprintf(`{"access_token":"at","expires_at":%d}`, epochOf(time.Hour))
		a := &answer{status: 200, url: &url.URL{}, received: answered, header: header, body: []byte(body)}
		oauth, _, err := a.oauthResult("token_url", nil)
		if got := toldOf(oauth, Bounds{}); err != nil || got != want {
			t.Errorf("%q: %s, %v", date, got, err)
		}
		login, err := a.loginResult(&Response{Token: "access_token", ExpiresAt: "expires_at"}, nil)
		if got := toldOf(login, Bounds{}); err != nil || got != want {
			t.Errorf("%q of a login: %s, %v", date, got, err)
		}
	}
}

func TestAFormMaySayExpires(t *testing.T) {
	for text, want := range map[string]string{
		"expires=60": "59s expires_in", fmt.Sprintf("expires=%d", epochOf(time.Minute)): "1m0s expires_at", "expires=20260301": "expires: 20260301 is a date in digits, whose zone is unknown: must be RFC 3339 or a number since 1970",
		"expires=soon": "1h0m0s default_ttl", "expires=2026-03-01T13:00:00": "expires is a time without a zone: must be RFC 3339 or a number since 1970", "expires=0": "expires is not positive", "": "1h0m0s default_ttl",
	} {
		a := &answer{status: 200, url: &url.URL{}, header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, body: []byte("access_token=at&" + text)}
		res, _, err := a.oauthResult("token_url", nil)
		if got := toldOf(res, Bounds{Default: time.Hour}); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
}

func FuzzEnds(f *testing.F) {
	for _, text := range []string{
		"3600", "1772370000000", "20260301", "Sun, 01 Mar 2026 12:10:00 GMT", "Sun Mar  1 12:10:00 2026", "2026-03-01 13:00:00 +01", "-1", "1e999", "Session", "0x10", "\xff:\xff:\xff",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, read := range []func(string) (time.Time, error){
			func(text string) (time.Time, error) { return instant(textValue(text)) }, cookieExpires,
		} {
			if at, err := read(text); err == nil && !at.IsZero() && (at.Year() < 0 || at.Year() > 9999) || err != nil && !at.IsZero() {
				t.Errorf("%q: %s, %v", text, at, err)
			}
		}
		if d, err := duration(textValue(text), time.Second); err == nil && (d <= 0 || d > maxLifetime) || err != nil && d != 0 {
			t.Errorf("%q: %s, %v", text, d, err)
		}
	})
}
