package provider

import (
	"cmp"
	"fmt"
	"strings"

	"tokend/messages"
)

// called notes what the server calls the type of the token, and takes that for how it
// is sent where it is a scheme for that (RFC 6750, RFC 9449): the types of other
// servers ("JWT", "user") are names for something else.
func (r *Result) called(said string) {
	r.ServerType, r.Type = said, bearer
	if kind := canonicalType(said); bound(kind) {
		r.Type = kind
	}
}

// declare settles how the token is sent: as the service declares, if it does.
func (r *Result) declare(kind string) {
	if r.Type = cmp.Or(kind, r.Type, bearer); kind == "" && r.Type != dpop && bound(r.Type) {
		r.Type = bearer
	}
}

// declareFree is declare for an answer to a client that has no key to prove: nothing
// but a declared type makes a token of some types of use to it (RFC 6749, section 7.1).
func (r *Result) declareFree(kind string) error {
	if kind == "" && bound(r.Type) {
		return unusablef("token_type %s: the token works only with proofs of a key, and was not requested with one", r.Type)
	}
	r.declare(kind)
	return nil
}

// declaredType returns the token type that a setting means, empty if none.
func declaredType(name string) (string, error) {
	name = canonicalType(name)
	if name != "" && !isHTTPToken(name) {
		return "", &KeyError{"token_type", "is not one word"}
	}
	return name, nil
}

// unwrap takes the scheme off a token that comes with it.
func (r *Result) unwrap() {
	kind, token, ok := strings.Cut(r.AccessToken.Reveal(), " ")
	if ok && (strings.EqualFold(kind, bearer) || strings.EqualFold(kind, r.Type)) {
		r.AccessToken = messages.NewSecret(strings.TrimSpace(token))
	}
}

// tellType keeps what the server called the type, short and printable, if the token
// is sent by another scheme, and notes that.
func (r *Result) tellType() {
	said := printable(r.ServerType, maxCode)
	switch token := r.AccessToken.Reveal(); {
	case said == "" || strings.EqualFold(said, r.Type):
		r.ServerType = ""
		return
	case token != "" && strings.Contains(r.ServerType, token):
		said = messages.Redacted
	}
	r.ServerType = said
	r.Notes = append(r.Notes, Note{NoteType, fmt.Sprintf(
		"the server calls the type of its tokens %q, but they are sent as %s: token_type sets how", said, r.Type,
	)})
}

// NoteType is the Key of the note that a token is sent by another scheme than the
// type that the server names.
const NoteType = "token_type"
