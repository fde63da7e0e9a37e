package main

import (
	"cmp"
	"errors"
	"net/url"
	"strings"

	"tokend/messages"
	"tokend/system/httpapi"
)

// headerLine returns the header that carries the token, as curl -H takes it.
func (n *node) headerLine(token httpapi.Token) (string, error) {
	tok := messages.Token{Service: token.Service, Type: token.TokenType}.WithValue(token.AccessToken)
	name, value, err := token.Placement().HeaderOf(tok)
	switch {
	case err != nil:
		return "", misplaced(err)
	case !isWord(name):
		return "", n.stranger()
	default:
		return name + ": " + value, nil
	}
}

// misplaced returns why a token does not go where it is wanted. That is not about who
// asks.
func misplaced(err error) error {
	p := httpapi.ProblemOf(err)
	return &failure{exit: exitFailed, code: p.Code, err: errors.New(p.Detail)}
}

// sendable refuses a token that may not go to the host of a URL.
func sendable(token httpapi.Token, u *url.URL) error {
	if token.Placement().Allows(u) {
		return nil
	}
	return misplaced(messages.NotAllowed(token.Service, printable(cmp.Or(u.Host, "a place without a name"))))
}

// registryURL reads the name of a registry, which comes with a scheme or without.
func registryURL(text string) *url.URL {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return &url.URL{} // no host that a token may go to
	}
	return u
}
