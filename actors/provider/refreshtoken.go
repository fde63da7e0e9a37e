package provider

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"tokend/messages"
)

// RefreshToken is the grant of RFC 6749, section 6: somebody has logged in, and
// what came of that is a refresh token, which may be good for one use only.
type RefreshToken struct {
	Grant

	// RefreshToken returns the refresh token of the login. It is called at every
	// acquisition: another one than before means that somebody has logged in anew.
	RefreshToken func() (Text, error)
	// Where tells people what to replace to log in anew, such as the name of a file.
	// It holds no secret; empty: unknown.
	Where string
	// Fallback is asked when the login is lost, once in an acquisition. A refresh
	// token that it brings takes the place of the login's; without one the fallback
	// goes on being asked until the login works again or RefreshToken returns another.
	// Nil: there is none.
	Fallback Provider
	// Logins knows which services live on which refresh tokens; nil: this is the only one.
	Logins *Logins
}

// NewRefreshToken returns a Provider for r, which is [Hosted]; see
// [NewClientCredentials]. Its State is the refresh token at hand.
//
// It is the one provider that may send two token requests in one acquisition:
// when a refresh token was sent and no answer came, it is sent once more, at
// once, for only now do many servers still take it; and when a new refresh token
// is refused that has never worked, the one before it is. One request to the
// fallback may follow. It does not give up a request that is on its way as soon as
// its context is cancelled: the answer may be all that there is of the next refresh
// token.
func NewRefreshToken(r RefreshToken) (Provider, error) {
	g, err := newGrant(r.Grant)
	if err != nil {
		return nil, err
	}
	if r.RefreshToken == nil {
		return nil, &KeyError{"refresh_token", "missing"}
	}
	p := &refreshToken{g, r.RefreshToken, r.Where, r.Fallback, clientOf(&r.Grant), r.Logins}
	if p.logins == nil {
		p.logins = NewLogins(Sharing{})
	}
	return g.provider("refresh_token", p.acquire), nil
}

type refreshToken struct {
	grant    *grant
	first    func() (Text, error)
	where    string
	fallback Provider
	client   string // stands for whose refresh token is sent, and where
	logins   *Logins
}

// family is the refresh tokens that came of one login, as a State holds them.
type family struct {
	Version int    `json:"v"`
	First   string `json:"first"` // SHA-256 of the refresh token of the login
	Current string `json:"current"`
	// Previous was exchanged for Current. It is kept until Current has worked: the
	// server may have lost what it answered.
	Previous string `json:"previous,omitempty"`
	// Lost: both were refused for good, and people were told. Since when, how often
	// that was found, and when Current is to be tried again, 0 if it is not; in
	// milliseconds since 1970.
	Lost  bool  `json:"lost,omitempty"`
	Since int64 `json:"since,omitempty"`
	Tries int   `json:"tries,omitempty"`
	Next  int64 `json:"next,omitempty"`
	// Client stands for whose it was, and where, when it was found to be lost.
	Client string `json:"client,omitempty"`
	// Anew: Current came of a fallback, not of First.
	Anew bool `json:"anew,omitempty"`
	// SpentBy names the service that lives on the same login and has used Current up.
	SpentBy string `json:"spent_by,omitempty"`
}

const familyVersion = 1

func (p *refreshToken) acquire(ctx context.Context, req Request) (Result, error) {
	first, err := read("refresh_token", p.first)
	if err != nil {
		return Result{}, err
	}
	now, err := familyOf(first, req.Previous)
	if err != nil {
		return Result{}, err
	}
	res, next, err := p.renew(ctx, &req, now, first)
	res.State, res.RefreshToken = State{}, messages.Secret{}
	if p.grant.Type != "" && res.Type == bearer { // of a fallback that declares nothing
		res.Type = p.grant.Type
	}
	if next != now {
		res.State = next.state()
	}
	return res, err
}

// remedy says what to do about a lost login.
func (p *refreshToken) remedy() string {
	text := "log in anew and replace refresh_token"
	if p.where != "" {
		text += " in " + p.where
	}
	return text
}

// follow uses the refresh token at hand, or the one before it.
func (p *refreshToken) follow(ctx context.Context, req *Request, now family, first Text) (Result, family, error) {
	res, next, err := p.use(ctx, req, &now, first, now.Current)
	if now.Previous == "" || !isSpent(err) {
		return res, next, err
	}
	again, earlier, retried := p.use(ctx, req, &now, first, now.Previous)
	if retried == nil || earlier != now || Classify(retried).Class != messages.ClassRejected {
		return again, earlier, retried // without an answer nobody knows yet whether all is lost
	}
	return res, next, err
}

// familyOf returns the family at hand: that of the state, unless it is of another
// login than first.
func familyOf(first Text, state State) (family, error) {
	fresh := family{Version: familyVersion, First: sumOf(first.Reveal()), Current: first.Reveal()}
	var kept family
	if json.Unmarshal(state.Bytes(), &kept) != nil {
		return fresh, nil // nothing, or of another kind of provider
	}
	switch {
	case kept.Version > familyVersion:
		return family{}, unreadyf("refresh_token: the one at hand was stored by a later version of tokend")
	case kept.Version != familyVersion, kept.First != fresh.First, kept.Current == "":
		return fresh, nil
	default:
		return kept, nil
	}
}

func (f family) state() State {
	text, _ := json.Marshal(f) // texts cannot fail
	return NewState(text)
}

// after returns the family after token has worked and m was answered. Without a
// new refresh token the old one stays good.
func (f family) after(token string, m members) family {
	f.Current, f.Previous = token, ""
	f.Lost, f.Since, f.Tries, f.Next, f.Client, f.SpentBy = false, 0, 0, 0, "", ""
	if next := m.refreshToken(); next != "" && next != token {
		f.Current, f.Previous = next, token
	}
	return f
}

// own returns the secrets of the family.
func (f family) own(first Text) []Text {
	own := []Text{first}
	for _, text := range []string{f.Current, f.Previous} {
		own = append(own, Text{Secret: messages.NewSecret(text)})
	}
	return own
}

// use exchanges token. The family it returns counts beside an error, too: an
// answer may be of no use but for its refresh token.
func (p *refreshToken) use(ctx context.Context, req *Request, now *family, first Text, token string) (Result, family, error) {
	held := p.logins.mark(p.client, sumOf(token))
	leave, by, err := p.logins.enter(ctx, req.Service, held)
	switch {
	case err != nil:
		return Result{}, *now, unreadyf("another service uses the same refresh token, and has not got an answer yet")
	case by != "":
		return Result{}, *now, &spentElsewhere{by}
	}
	defer leave()
	res, m, err := p.send(ctx, req, token, now.own(first))
	if err != nil && m.get == nil {
		return Result{}, *now, err
	}
	next := now.after(token, m)
	p.logins.rotated(req.Service, held, p.logins.chain(p.client, next))
	return res, next, err
}

// send sends token, and once more if no answer came. The first try leaves time
// for that.
func (p *refreshToken) send(ctx context.Context, req *Request, token string, own []Text) (Result, members, error) {
	ask := func(ctx context.Context) (Result, members, error) {
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
		return p.grant.ask(ctx, req, with(form, own...))
	}
	ctx = patient(ctx)
	brief, cancel := leaving(ctx, 4)
	res, m, err := ask(brief)
	cancel()
	if !isUnanswered(err) {
		return res, m, err
	}
	if ctx.Err() == nil {
		res, m, err = ask(ctx)
	}
	if l, ok := errors.AsType[*lost](err); ok {
		return Result{}, members{}, &Error{
			Class: messages.ClassAmbiguous, TimedOut: l.timedOut(),
			Text: "the refresh token was sent and may be spent, but no answer came: " + l.text(),
		}
	}
	return res, m, err
}

// leaving returns a context that ends when a part of the time of ctx is left.
func leaving(ctx context.Context, part time.Duration) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	return Within(ctx, time.Until(deadline)*time.Duration(part-1)/time.Duration(part))
}

// isUnanswered reports whether a request may have arrived, but no answer did.
func isUnanswered(err error) bool {
	l, ok := errors.AsType[*lost](err)
	return ok && l.phase != connecting
}

// isSpent reports whether a refresh token was refused as such. Some servers say
// invalid_request of one that was used before.
func isSpent(err error) bool {
	r, ok := errors.AsType[*refusal](err)
	return ok && (saysDead(r.code) || r.code == "invalid_request" && r.status == http.StatusBadRequest)
}
