package config

import (
	"net/textproto"
	"strings"
)

// Inject says how a token is put into a request, in place of what stands there.
// Exactly one of Header, Query and Cookie is set.
type Inject struct {
	Header string `key:"header"` // name of a header
	// Prefix stands before the token in Header. Nil: the token's type and a space in
	// Authorization, nothing in others. In YAML an empty text is a prefix, too.
	Prefix *string `key:"prefix"`
	Query  string  `key:"query"`  // name of a query parameter
	Cookie string  `key:"cookie"` // name of a cookie
}

// unfit are the headers that no token may stand in, each with the reason.
var unfit = map[string]string{
	"Connection": hopByHop, "Keep-Alive": hopByHop, "Proxy-Authenticate": hopByHop, "Proxy-Authorization": hopByHop,
	"Proxy-Connection": hopByHop, "Te": hopByHop, "Trailer": hopByHop, "Transfer-Encoding": hopByHop, "Upgrade": hopByHop,
	"Host": "says whom the request is for", "Content-Length": "says where the body ends",
	"Cookie": "holds other cookies too: set inject.cookie instead",
}

// hopByHop are headers that go no further than the next proxy (RFC 9110, section
// 7.6.1).
const hopByHop = "concerns one connection, not the request"

const longestPrefix = 64

func (v *checker) inject(path string, i *Inject) {
	if i == nil {
		return
	}
	if !exactlyOne(i.Header != "", i.Query != "", i.Cookie != "") {
		v.add(path, "must have exactly one of header, query and cookie")
	}
	v.name(join(path, "header"), i.Header)
	v.name(join(path, "query"), i.Query)
	v.name(join(path, "cookie"), i.Cookie)
	if why := unfit[textproto.CanonicalMIMEHeaderKey(i.Header)]; why != "" {
		v.add(join(path, "header"), "cannot hold a token: %s %s", textproto.CanonicalMIMEHeaderKey(i.Header), why)
	}
	if i.Prefix != nil {
		v.prefix(join(path, "prefix"), *i.Prefix, i.Header != "")
	}
}

func (v *checker) prefix(path, text string, inHeader bool) {
	switch {
	case !inHeader:
		v.add(path, "belongs to header, not to query and cookie")
	case len(text) > longestPrefix, strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }), strings.HasPrefix(text, " "):
		v.add(path, "must be at most %d characters of visible ASCII, with spaces inside and at the end alone", longestPrefix)
	}
}
