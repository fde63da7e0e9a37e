package provider

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/tidwall/gjson"

	"tokend/messages"
)

// RefreshToken is the grant of RFC 6749, section 6: somebody has logged in, and
// what came of that is a refresh token, which may be good for one use only.
type RefreshToken struct {
	Grant

	// RefreshToken returns the refresh token of the login. It is called at every
	// acquisition: another one than before means that somebody has logged in anew.
	RefreshToken func() (Text, error)
}

// NewRefreshToken returns a Provider for r, which is [Hosted]; see
// [NewClientCredentials]. Its State is the refresh token at hand.
//
// It is the one provider that may send two token requests in one acquisition:
// when a refresh token was sent and no answer came, it is sent once more, at
// once, for only now do many servers still take it; and when a new refresh token
// is refused that has never worked, the one before it is.
func NewRefreshToken(r RefreshToken) (Provider, error) {
	g, err := newGrant(r.Grant)
	if err != nil {
		return nil, err
	}
	if r.RefreshToken == nil {
		return nil, &KeyError{"refresh_token", "missing"}
	}
	p := &refreshToken{g, r.RefreshToken}
	return g.provider("refresh_token", p.acquire), nil
}

type refreshToken struct {
	grant *grant
	first func() (Text, error)
}

// family is the refresh tokens that came of one login, as a State holds them.
type family struct {
	Version int    `json:"v"`
	First   string `json:"first"` // SHA-256 of the refresh token of the login
	Current string `json:"current"`
	// Previous was exchanged for Current. It is kept until Current has worked: the
	// server may have lost what it answered.
	Previous string `json:"previous,omitempty"`
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
	res, next, err := p.use(ctx, &req, &now, first, now.Current)
	if now.Previous != "" && isSpent(err) {
		if again, earlier, retried := p.use(ctx, &req, &now, first, now.Previous); retried == nil || earlier != now {
			res, next, err = again, earlier, retried
		}
	}
	if next != now {
		res.State = next.state()
	}
	return res, said(err)
}

// familyOf returns the family at hand: that of the state, unless it is of another
// login than first.
func familyOf(first Text, state State) (family, error) {
	sum := sha256.Sum256([]byte(first.Reveal()))
	fresh := family{Version: familyVersion, First: hex.EncodeToString(sum[:]), Current: first.Reveal()}
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
	if next := m.get("refresh_token"); next.Type == gjson.String && next.Str != "" && next.Str != token {
		f.Current, f.Previous = next.Str, token
	}
	return f
}

// use exchanges token. The family it returns counts beside an error, too: an
// answer may be of no use but for its refresh token.
func (p *refreshToken) use(ctx context.Context, req *Request, now *family, first Text, token string) (Result, family, error) {
	own := []Text{first}
	for _, text := range []string{now.Current, now.Previous} {
		own = append(own, Text{Secret: messages.NewSecret(text)})
	}
	res, m, err := p.send(ctx, req, token, own)
	if err != nil && m.get == nil {
		return Result{}, *now, err
	}
	return res, now.after(token, m), err
}

// send sends token, and once more if no answer came. The first try leaves time
// for that.
func (p *refreshToken) send(ctx context.Context, req *Request, token string, own []Text) (Result, members, error) {
	ask := func(ctx context.Context) (Result, members, error) {
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
		return p.grant.ask(ctx, req, with(form, own...))
	}
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
	return context.WithDeadline(ctx, deadline.Add(-time.Until(deadline)/part))
}

// isUnanswered reports whether a request may have arrived, but no answer did.
func isUnanswered(err error) bool {
	l, ok := errors.AsType[*lost](err)
	return ok && l.phase != connecting
}

// isSpent reports whether a refresh token was refused as such. Most servers say
// invalid_grant; some say invalid_request of one that was used before.
func isSpent(err error) bool {
	r, ok := errors.AsType[*refusal](err)
	return ok && r.status == http.StatusBadRequest && (r.code == "invalid_grant" || r.code == "invalid_request")
}

// said says what helps when a login has come to its end.
func said(err error) error {
	if r, ok := errors.AsType[*refusal](err); ok && r.code == "invalid_grant" {
		e := Classify(err)
		e.Text = printable(e.Text+": log in anew and replace refresh_token", maxText)
		return e
	}
	return err
}
