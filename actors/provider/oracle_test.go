package provider

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// world is one answer, and what is true about it. It is made from what the sources
// mean to what they say, the other way round from the code that reads them, and
// judges by its own rules: in seconds, as numbers, from when the request was sent.
type world struct {
	t        *rapid.T
	sent     float64 // this machine's clock when the request was sent, in seconds since 1970
	took     float64
	server   float64 // the server's clock at that moment
	date     float64 // of the answer; 0: none
	issued   float64 // iat of the JWT; 0: none
	ends     []stated
	unread   bool // a source is there that no one can read
	dead     bool // a source says that there is no life
	members  map[string]string
	claims   map[string]string
	headers  http.Header
	response Response
}

// stated is what a readable source says.
type stated struct {
	life  float64 // from when the request was sent
	until float64 // a moment, in seconds since 1970
	whole bool
}

const year = 365 * 24 * 3600

// offset is how far a clock is off: mostly little, sometimes hours, sometimes years.
func offset(t *rapid.T, label string) float64 {
	most := rapid.SampledFrom([]float64{0, 0.5, 30, 4 * 3600, 30 * 3600, 10 * year}).Draw(t, label+" of at most")
	return math.Round(rapid.Float64Range(-most, most).Draw(t, label)*1000) / 1000
}

func drawWorld(t *rapid.T) *world {
	w := &world{t: t, members: map[string]string{}, claims: map[string]string{}, headers: http.Header{}}
	truth := 1796000000 + float64(rapid.IntRange(0, 86400*1000).Draw(t, "ms"))/1000
	w.sent, w.server = truth+offset(t, "our clock"), truth+offset(t, "their clock")
	w.took = float64(rapid.IntRange(0, 3000).Draw(t, "took")) / 1000
	switch rapid.IntRange(0, 3).Draw(t, "Date") {
	case 0:
	case 1:
		w.date = math.Floor(w.server + offset(t, "Date"))
	default:
		w.date = math.Floor(w.server + rapid.Float64Range(0, w.took).Draw(t, "Date in between"))
	}
	if w.date != 0 {
		w.headers.Set("Date", time.Unix(int64(w.date), 0).UTC().Format(http.TimeFormat))
	}
	return w
}

// life draws a lifetime in seconds, of so many steps a second.
func (w *world) life(label string, steps float64) float64 {
	most := rapid.SampledFrom([]float64{5, 100, 3600, 400 * 86400, 20 * year}).Draw(w.t, label+" of at most")
	n := math.Round(rapid.Float64Range(-2, most).Draw(w.t, label) * steps)
	if n >= 19e6 && n < 23e6 {
		n = 3e7 // a number that could be a date
	}
	return n / steps
}

func (w *world) quoted(text string) string {
	if rapid.Bool().Draw(w.t, "as a text") {
		return strconv.Quote(text)
	}
	return text
}

// lifetime adds a source that counts from when the request was sent, in so many units
// a second. It returns what stands in the answer.
func (w *world) lifetime(label string, steps, units float64) string {
	life := w.life(label, steps)
	n := life * units
	text := strconv.FormatFloat(n, 'f', -1, 64)
	if life <= 0 {
		w.dead = true
		return text
	}
	if life > 1.5e8 {
		// As a number, it may be taken for a time: then it is not read, else it is too
		// much. Either way it does not make a token live.
		if n >= 1e9 && (n < 4.2e9 || n >= 1e12 && n < 4.2e12) {
			w.unread = true
			return text
		}
	}
	w.ends = append(w.ends, stated{life: life, whole: life == math.Floor(life)})
	return text
}

// moment adds a source that says a time by the server's clock.
func (w *world) moment(label string) string {
	life := w.life(label, 1)
	at := math.Floor(w.server) + life
	unit := rapid.SampledFrom([]float64{1, 1e3, 1e6, 1e9}).Draw(w.t, label+" in units of a second")
	w.ends = append(w.ends, stated{until: at})
	switch rapid.IntRange(0, 5).Draw(w.t, label+" written as") {
	case 0:
		zone := time.FixedZone("", 60*rapid.IntRange(-720, 720).Draw(w.t, "zone"))
		return strconv.Quote(time.Unix(int64(at), 0).In(zone).Format(time.RFC3339))
	case 1:
		return strconv.Quote(time.Unix(int64(at), 0).UTC().Format("2006-01-02 15:04:05.000+0000"))
	default:
		return w.quoted(strconv.FormatFloat(at*unit, 'f', -1, 64))
	}
}

// rubbish adds a source that is there but cannot be read.
func (w *world) rubbish(label string, more ...string) string {
	w.unread = true
	at := time.Unix(int64(w.server)+600, 0).UTC()
	return rapid.SampledFrom(append(more,
		`"soon"`, `{}`, `[600]`, `true`, `""`, strconv.Quote(at.Format("2006-01-02T15:04:05")), at.Format("20060102150405"),
	)).Draw(w.t, label)
}

// field adds a member to the JSON, or none.
func (w *world) field(name string, put func(name, value string), say func(string) string, more ...string) {
	switch rapid.IntRange(0, 7).Draw(w.t, name) {
	case 0, 1, 2:
		put(name, say(name))
	case 3:
		put(name, w.rubbish(name, more...))
	case 4:
		put(name, "null")
	default:
	}
}

func (w *world) member(name, value string) { w.members[name] = value }

func (w *world) seconds(name string) string { return w.quoted(w.lifetime(name, 1, 1)) }

func (w *world) fraction(name string) string { return w.quoted(w.lifetime(name, 1000, 1)) }

func (w *world) millis(name string) string { return w.quoted(w.lifetime(name, 1000, 1000)) }

// jwt adds the claims of the token.
func (w *world) jwt() {
	if rapid.Bool().Draw(w.t, "iat") {
		w.issued = math.Floor(w.server - rapid.SampledFrom([]float64{0, 0, 0, 600, 7200}).Draw(w.t, "age"))
		w.claims["iat"] = strconv.FormatFloat(w.issued, 'f', -1, 64)
	}
	before := len(w.ends)
	w.field("exp", func(name, value string) { w.claims[name] = value }, w.moment, "3600")
	if len(w.ends) > before && w.issued != 0 {
		if life := w.ends[before].until - w.issued; life > 0 {
			w.ends = append(w.ends, stated{life: life, whole: true})
		}
	}
}

// token is opaque or a JWT.
func (w *world) token() string {
	if rapid.Bool().Draw(w.t, "opaque") {
		return "at-opaque"
	}
	w.jwt()
	return signed(objectOf(w.claims))
}

func objectOf(members map[string]string) string {
	var parts []string
	for name, value := range members {
		parts = append(parts, strconv.Quote(name)+":"+value)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// oauth makes an answer of an OAuth endpoint, and reads it.
func (w *world) oauth() (Result, error) {
	w.member("access_token", strconv.Quote(w.token()))
	w.field("expires_in", w.member, rapid.SampledFrom([]func(string) string{w.seconds, w.fraction}).Draw(w.t, "of a fraction"), `20261130`, `"2026-11-30T22:48:14Z"`)
	for _, name := range []string{"expires_at", "expires_on", "exp"} {
		w.field(name, w.member, w.moment, "3600", "20261130")
	}
	w.member("refresh_expires_in", "1")
	res, _, err := w.answer().oauthResult("token_url", func() *secrets { return new(secrets) })
	return res, err
}

// login makes one of a login, and reads it.
func (w *world) login() (Result, error) {
	w.response = Response{ExpiresIn: "a", ExpiresInMS: "b", ExpiresAt: "c", ExpiresInHeader: "X-In", ExpiresAtHeader: "X-At"}
	w.field("a", w.member, w.seconds, "20261130")
	w.field("b", w.member, w.millis)
	w.field("c", w.member, w.moment, "3600")
	header := func(name, value string) {
		if text, err := strconv.Unquote(value); err == nil {
			value = text
		}
		w.headers.Set(name, value)
	}
	if rapid.Bool().Draw(w.t, "headers") {
		header("X-In", w.lifetime("X-In", 1, 1))
		header("X-At", w.moment("X-At"))
	}
	if rapid.Bool().Draw(w.t, "a cookie") {
		w.response.TokenCookie = "sid"
		w.bake()
	} else {
		w.response.Token = "token"
		w.member("token", strconv.Quote(w.token()))
	}
	return w.answer().loginResult(&w.response, func() *secrets { return new(secrets) })
}

// bake makes a cookie of the token.
func (w *world) bake() {
	cookie := "sid=" + w.token()
	if rapid.Bool().Draw(w.t, "Max-Age") {
		life := 1 + math.Abs(w.life("Max-Age", 1))
		if life < 1.5e8 {
			cookie += "; Max-Age=" + strconv.FormatFloat(life, 'f', -1, 64)
			w.ends = append(w.ends, stated{life: life, whole: true})
		}
	}
	if rapid.Bool().Draw(w.t, "Expires") {
		at := time.Unix(int64(w.server)+rapid.Int64Range(1, 10000).Draw(w.t, "Expires in"), 0).UTC()
		layout := rapid.SampledFrom([]string{http.TimeFormat, time.RFC850, time.ANSIC, "Mon, 02-Jan-06 15:04:05 GMT", "2 Jan 2006 15:04:05", ""}).Draw(w.t, "Expires as")
		text := at.Format(layout)
		if layout == "" {
			text = strconv.FormatInt(at.UnixMilli(), 10)
		}
		w.ends = append(w.ends, stated{until: float64(at.Unix())})
		cookie += "; Expires=" + text
	} else {
		cookie += rapid.SampledFrom([]string{"", "; Expires=0", "; Expires=-1", "; Expires=Session", "; Secure"}).Draw(w.t, "no end")
	}
	w.headers.Set("Set-Cookie", cookie)
}

func (w *world) answer() *answer {
	body := objectOf(w.members)
	if !json.Valid([]byte(body)) {
		w.t.Fatalf("%s", body)
	}
	return &answer{status: 200, url: &url.URL{Scheme: "https", Host: "idp.example", Path: "/"}, header: w.headers, body: []byte(body), received: at(w.sent + w.took)}
}

func at(seconds float64) time.Time {
	whole := math.Floor(seconds)
	return time.Unix(int64(whole), int64(math.Round((seconds-whole)*1e3))*1e6).UTC()
}

// plausible reports whether the Date counts.
func (w *world) plausible() bool {
	off := math.Max(0, math.Max(w.date-(w.sent+w.took), w.sent-w.date))
	return w.date != 0 && (off <= 24*3600 || w.issued != 0 && math.Abs(w.date-w.issued) <= 300)
}

// earliest returns the earliest end that a source states, counted from when the
// request was sent, without and with the second that is taken off, and whether one
// says that the token is dead. Of a time, it is the least that is left by any clock by
// which something is left.
func (w *world) earliest() (end, counts float64, dead bool) {
	end, counts, dead = math.Inf(1), math.Inf(1), w.dead
	shorten := func(life float64) float64 { return math.Max(life-1, math.Min(life/2, 1)) }
	for _, s := range w.ends {
		readings := map[float64]float64{} // what is left, and what of that counts
		switch {
		case s.life != 0 && s.whole:
			readings[s.life] = shorten(s.life)
		case s.life != 0:
			readings[s.life] = s.life
		default:
			if left := s.until - w.sent; left > w.took+tiny/100 {
				readings[left] = left
			}
			if left := s.until - w.date; w.plausible() && left > 0 {
				readings[left] = shorten(left)
			}
		}
		dead = dead || len(readings) == 0
		for left, counting := range readings {
			end, counts = math.Min(end, left), math.Min(counts, counting)
		}
	}
	return end, counts, dead
}

const tiny = 1e-3 // what a float of that size may be off

func (w *world) judge(life Life, failure error) {
	end, counts, dead := w.earliest()
	got := life.Length.Seconds()
	switch {
	case failure == nil && dead:
		w.t.Fatalf("a token is served for %s that a source calls dead", life.Length)
	case failure == nil && len(w.ends) == 0:
		w.t.Fatalf("a token is served for %s of which nothing states an end", life.Length)
	case failure == nil && got > end+tiny:
		w.t.Fatalf("a token is served for %s, and dies after %g s", life.Length, end)
	case failure == nil && got > counts+tiny:
		w.t.Fatalf("a token is served for %s, and by whole seconds it is %g s", life.Length, counts)
	case failure == nil && got < counts-tiny:
		w.t.Fatalf("a token is served for %s, and lives for %g s", life.Length, counts)
	case failure != nil && len(w.ends) > 0 && !dead && counts > w.took+tiny && end < 5*year:
		w.t.Fatalf("%v, but every source calls it alive for %g s", failure, end)
	}
}

// Whatever a server says, in whatever spelling, by whatever clocks: no token is served
// past the earliest end that a plausible source states, and none is refused that every
// plausible source calls alive.
func TestNoTokenOutlivesWhatItsServerSays(t *testing.T) {
	for range 100 { // times the 100 of rapid: most of what is rare comes up
		rapid.Check(t, outlives)
	}
}

func outlives(t *rapid.T) {
	w := drawWorld(t)
	res, err := rapid.SampledFrom([]func() (Result, error){w.oauth, w.login}).Draw(t, "kind")()
	if err != nil {
		t.Fatalf("%v", Classify(err))
	}
	life, failure := Lifetime(res, at(w.sent), at(w.sent+w.took), Bounds{Default: time.Duration(rapid.IntRange(0, 1).Draw(t, "default_ttl")) * time.Minute})
	if len(w.ends) == 0 && !w.unread && !w.dead {
		if (failure == nil) != (life.Source == SourceDefaultTTL) {
			t.Fatalf("%+v, %v", life, failure)
		}
		return
	}
	var said error
	if failure != nil {
		said = fmt.Errorf("%s", failure.Text)
	}
	w.judge(life, said)
}
