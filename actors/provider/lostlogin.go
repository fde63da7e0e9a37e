package provider

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"tokend/messages"
)

// renew returns what comes of the family now, and the family after it. When that
// is found to be lost, it says so once.
func (p *refreshToken) renew(ctx context.Context, req *Request, now family, first Text) (Result, family, error) {
	at := p.grant.Now()
	now = now.known(at)
	p.logins.note(req.Service, p.logins.chain(p.client, now))
	if now.Lost && now.Client != p.client {
		now.Since = 0 // what has been corrected counts for a new loss, which people know of
	}
	if now.Lost && !req.Asked && !now.due(at) {
		return p.instead(ctx, req, now, first, p.known(req, now))
	}
	res, next, err := p.follow(ctx, req, now, first)
	if by, ok := errors.AsType[*spentElsewhere](err); ok {
		return p.giveUp(ctx, req, now, first, by)
	}
	dead := isDead(err)
	if err == nil || !dead && !next.Lost {
		return res, next, err
	}
	e := *Classify(err)
	if dead {
		e.Text = printable(e.Text+": "+p.remedy(), maxText)
		next.Previous = ""
	}
	if next = next.tried(at, p.client); !now.Lost {
		e.Lost = e.Text
	}
	return p.instead(ctx, req, next, first, &e)
}

// instead returns what is served in place of the family now, which is lost: a token of
// the fallback, unless there is none or the login alone is asked for, else e.
func (p *refreshToken) instead(ctx context.Context, req *Request, now family, first Text, e *Error) (Result, family, error) {
	wait := now.wait(p.grant.Now())
	switch {
	case p.fallback == nil:
		e.Wait = cmp.Or(wait, -1)
		return Result{}, now, e
	case req.Probe:
		e.Probe = wait
		return Result{}, now, e
	}
	res, anew, err := p.startAnew(ctx, req, now, now.own(first))
	switch failed, _ := errors.AsType[*Error](err); {
	case failed != nil:
		failed.Lost, failed.Probe = e.Lost, wait
	case anew.Lost:
		res.Lost, res.Probe = e.Lost, wait
	}
	return res, anew, err
}

// known returns the error of a login that was found to be lost earlier; nothing was sent.
func (p *refreshToken) known(req *Request, now family) *Error {
	text := "the login is lost: " + p.remedy()
	if now.SpentBy != "" {
		text = p.shared(req.Service, now.SpentBy)
	}
	return &Error{Class: messages.ClassRejected, Text: printable(text, maxText)}
}

// giveUp returns what is served when another service has used the refresh token at
// hand up. It is not sent any more.
func (p *refreshToken) giveUp(ctx context.Context, req *Request, now family, first Text, by *spentElsewhere) (Result, family, error) {
	next := now
	next.Lost, next.Previous, next.Client, next.SpentBy = true, "", p.client, by.service
	next.Since, next.Next = max(now.Since, 1), 0
	e := p.known(req, next)
	if now.SpentBy != by.service {
		e.Lost = e.Text
	}
	return p.instead(ctx, req, next, first, e)
}

// shared says that two services live on one login, and what to do about it.
func (p *refreshToken) shared(service, by string) string {
	return "services " + service + " and " + by + " live on one refresh token, which " + by +
		" has used and the server has replaced: " + p.remedy() + " of " + service
}

// spentElsewhere says that another service has used a refresh token up. Nothing was
// sent.
type spentElsewhere struct{ service string }

func (*spentElsewhere) Error() string { return "the refresh token was spent elsewhere" }

// isDead reports whether a refresh token was refused for good, as far as its server
// knows: nothing but another login helps. Servers are wrong about that now and then,
// such as one whose replica lags, so the login is tried again for a while.
func isDead(err error) bool {
	e := Classify(err)
	return e != nil && e.Class == messages.ClassRejected && saysDead(e.Code)
}

// saysDead reports whether an error code says that a refresh token, or the login that
// it came of, is of no use. The first codes are those of RFC 6749, section 5.2, and of
// OpenID Connect Core, section 3.1.2.6, which some servers give at the token endpoint,
// too; others have words of their own.
func saysDead(code string) bool {
	switch text := lettersOf(code); {
	case text == "invalidgrant", text == "interactionrequired", text == "loginrequired", text == "consentrequired":
		return true
	case hasAny(text, "missing", "required", "limit", "toomany", "unsupported"):
		return false
	case hasAny(text, "refresh") && hasAny(text, "token"):
		return true
	case hasAny(text, "client", "type", "access", "csrf", "xsrf", "dpop", "endpoint", "device"):
		return false
	default:
		return hasAny(text, "token", "grant", "session") && hasAny(text,
			"expired", "revoked", "invalid", "inactive", "notactive", "notvalid", "notfound", "unknown", "used", "reuse", "consumed", "deleted")
	}
}

// lettersOf returns the letters of a code in lower case, so that it does not matter
// what stands between its words.
func lettersOf(code string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		default:
			return -1
		}
	}, code)
}

func hasAny(text string, words ...string) bool {
	for _, word := range words {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

const (
	probeFirst = 5 * time.Minute // until a login that was found to be lost is tried again
	probeMost  = 6 * time.Hour
	// probeSpan is for how long that goes on. A server that watches for stolen refresh
	// tokens must not be shown one for ever.
	probeSpan = 24 * time.Hour
)

// tried returns the family after it was found to be lost, or that nothing has changed
// about that. A try that came before its time moves nothing.
func (f family) tried(at time.Time, client string) family {
	switch {
	case !f.Lost, f.Since == 0:
		f.Lost, f.Since, f.Tries, f.Client = true, at.UnixMilli(), 0, client
	case !f.due(at):
		return f
	}
	pause := probeMost
	if f.Tries < 8 {
		pause = min(probeFirst<<f.Tries, probeMost)
	}
	f.Tries++
	if next := at.Add(pause); next.Sub(time.UnixMilli(f.Since)) <= probeSpan {
		f.Next = next.UnixMilli()
	} else {
		f.Next = 0
	}
	return f
}

// known returns the family as a clock that was put back shows it: it cannot have been
// found to be lost in the future.
func (f family) known(at time.Time) family {
	ahead := f.Since - at.UnixMilli()
	if !f.Lost || ahead <= 0 {
		return f
	}
	if f.Since -= ahead; f.Next != 0 {
		f.Next -= ahead
	}
	return f
}

// due reports whether a lost login is to be tried again now. One of which no one knows
// since when it is lost was found to be by an earlier version, or as another client's.
func (f family) due(at time.Time) bool {
	return f.Since == 0 || f.Next != 0 && at.UnixMilli() >= f.Next
}

// wait returns after how long a lost login is to be tried again; 0: it is not.
func (f family) wait(at time.Time) time.Duration {
	if f.Next == 0 {
		return 0
	}
	return max(time.UnixMilli(f.Next).Sub(at), time.Millisecond)
}
