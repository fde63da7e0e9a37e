package provider

import (
	"bytes"
	"mime"
	"regexp"
)

// pageMarks are what pages are known by that do not say what they are.
var pageMarks = regexp.MustCompile(`(?i)<!doctype html|<(html|head|body|title|meta|script|center|form|h1)\b`)

// anyTag is one of HTML's.
var anyTag = regexp.MustCompile(`<[A-Za-z/!]`)

// edgeError is the text of a page that a large content network answers programs with.
var edgeError = regexp.MustCompile(`^error code: \d{4}$`)

const maxMarks = 2 << 10 // bytes of a body in which marks are looked for

// isPage reports whether the answer is HTML for people, and not the API's own: what
// stands before the API answers in its place. XML is an answer, such as a fault of
// SOAP, and so is JSON or a form that is called HTML.
func (a *answer) isPage() bool {
	kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	html := kind == "text/html" || kind == "application/xhtml+xml"
	start := a.body[:min(len(a.body), maxMarks)]
	switch {
	case len(start) == 0, a.unread:
		return html && a.unread
	case edgeError.Match(start):
		return true
	case start[0] == '{', start[0] == '[', a.isForm():
		return false
	case pageMarks.Match(start):
		return start[0] == '<' || html
	default:
		return html && anyTag.Match(start) && !bytes.HasPrefix(start, []byte("<?xml"))
	}
}

// field finds what a page is to be filled in at.
var field = regexp.MustCompile(`(?i)<(form|input)\b`)

// isLoginPage reports whether the answer is a page that asks for a login.
func (a *answer) isLoginPage() bool { return a.isPage() && field.Match(a.body) }
