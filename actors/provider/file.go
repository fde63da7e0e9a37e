package provider

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tidwall/gjson"

	"tokend/actors/local"
	"tokend/messages"
)

// File is a token that another program keeps in a file.
type File struct {
	Path     string           // required
	Format   string           // FormatToken, which empty means, or FormatJSON
	Response FileResponse     // of FormatJSON
	Type     string           // how the token is sent; empty: as the file says, or Bearer
	Scopes   []string         // of a token that the file gives no scopes
	Now      func() time.Time // the clock; nil: time.Now
}

// FileResponse says where a file has what. Paths are gjson's; those that are empty
// are the names of RFC 6749, section 5.1.
type FileResponse struct {
	Token     string // to a text
	TokenType string // to a text
	ExpiresIn string // to a lifetime in seconds, which runs from when the file was written
	ExpiresAt string // to RFC 3339, or to a number since 1970; empty: expires_at, expires_on and exp
	Scope     string // to a text of scopes separated by spaces, or to an array
}

// maxFile bounds a file with a token.
const maxFile = 1 << 20

// NewFile returns a Provider for f. It does not read the file, which may come
// later; each acquisition reads it anew.
func NewFile(f File) (Provider, error) {
	if f.Path == "" {
		return nil, &KeyError{"path", "missing"}
	}
	f.Format = cmp.Or(f.Format, FormatToken)
	if f.Format != FormatToken && f.Format != FormatJSON {
		return nil, &KeyError{"format", "is neither token nor json"}
	}
	var err error
	if f.Type, err = declaredType(f.Type); err != nil {
		return nil, err
	}
	if f.Now == nil {
		f.Now = time.Now
	}
	r := &f.Response
	r.Token, r.TokenType = cmp.Or(r.Token, "access_token"), cmp.Or(r.TokenType, "token_type")
	r.ExpiresIn = cmp.Or(r.ExpiresIn, "expires_in")
	r.Scope = cmp.Or(r.Scope, "scope")
	f.Scopes = slices.Clone(f.Scopes)
	return &opaque{"file", (&file{f}).acquire}, nil
}

type file struct{ File }

// acquire reads the file. A token that has expired in it is not the IdP's doing:
// whoever writes the file is late, and may do so at any moment.
func (p *file) acquire(context.Context, Request) (Result, error) {
	f, err := local.Read(p.Path, maxFile)
	if err != nil {
		return Result{}, p.failure(err)
	}
	res, err := p.result(f)
	if err != nil {
		return Result{}, err
	}
	res.declare(p.Type)
	res.unwrap()
	res.Lasting, res.AnyLength = true, true
	if res.Scopes == nil {
		res.Scopes = p.Scopes
	}
	if at := res.endHere(); !at.IsZero() && !at.After(p.Now()) {
		return Result{}, unreadyf("the token in the file expired at %s: it has not been replaced", at.UTC().Format(time.RFC3339))
	}
	return res, nil
}

// failure says why the file was not read.
func (p *file) failure(err error) error {
	if _, large := errors.AsType[*local.SizeError](err); large {
		return unusablef("path: %s: %s", p.Path, err)
	}
	return unreadyf("path: %s: %s", p.Path, err)
}

// result returns what the file holds.
func (p *file) result(f local.File) (Result, error) {
	const what = "the file"
	if p.Format == FormatToken {
		token, err := line(what, f.Text)
		return Result{AccessToken: token}, err
	}
	doc, err := object(what, f.Text)
	if err != nil {
		return Result{}, err
	}
	written := f.Modified
	if now := p.Now(); written.After(now) { // by another clock: no token gets longer by that
		written = now
	}
	return p.Response.result(doc, written)
}

// result takes out what a document holds that was written at the given time.
func (r *FileResponse) result(doc gjson.Result, written time.Time) (Result, error) {
	v := values{doc: doc}
	res := Result{
		AccessToken: messages.NewSecret(get(&v, "token", r.Token, text)),
		Scopes:      get(&v, "scope", r.Scope, scopes),
	}
	res.called(get(&v, "token_type", r.TokenType, tokenType))
	if v.moment("response.expires_at", r.ExpiresAt); r.ExpiresAt == "" {
		for _, name := range endNames {
			v.moment(name, name)
		}
	}
	v.lifetime("response.expires_in", r.ExpiresIn, time.Second)
	if missing(v.err) {
		return Result{}, unusablef("response.token leads to nothing in the file")
	}
	if v.err != nil {
		return Result{}, v.err
	}
	for i := range v.ends {
		if v.ends[i].life > 0 {
			v.ends[i].from = written
		}
	}
	v.ends.fill(&res)
	return res, nil
}
