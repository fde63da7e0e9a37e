package provider

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"tokend/messages"
)

// scope is what the templates of one request are evaluated in: time and nonce are
// the same wherever they stand in it.
type scope struct {
	now      time.Time
	random   [16]byte
	captured map[string]string
	resolve  func(text string) (Text, error)
	made     requestParts
	hidden   []messages.Secret // what references and calls came to, and texts that were given to them
	work     int
	outline  bool // nothing is computed: what stands in the texts is all that is wanted
}

// standIn stands in an outline for what is not computed.
const standIn = "0"

// requestParts are what of a request is known while the rest of it is made.
type requestParts struct {
	method, host, path, query, body string

	params []param
}

// newScope returns the scope of one request.
func newScope(now time.Time, captured map[string]string, resolve func(string) (Text, error)) *scope {
	s := &scope{now: now, captured: captured, resolve: resolve}
	_, _ = rand.Read(s.random[:]) // never fails
	return s
}

// literal resolves the references in a text.
func (s *scope) literal(text string) (string, error) {
	t, err := s.resolve(text)
	if err != nil {
		return "", err
	}
	s.hidden = append(s.hidden, t.Parts...)
	s.work += len(text)
	return t.Reveal(), nil
}

// learn makes what a call came to, or was given, known as secret, where it stands in
// something longer, too.
func (s *scope) learn(text string) {
	if len(text) >= minSecret {
		s.hidden = append(s.hidden, messages.NewSecret(text))
	}
}

// callCost is what a call costs at least, so that their number is bounded.
const callCost = 64

// account bounds the work of a request's templates.
func (s *scope) account(c *call, made string, args []string) error {
	s.work += len(made) + c.cost + callCost
	for _, arg := range args {
		s.work += len(arg)
	}
	if len(made) > maxMade || s.work > maxWork {
		return errTooMuchMade
	}
	return nil
}

// nonce returns 32 random hex digits.
func (s *scope) nonce() string { return hex.EncodeToString(s.random[:]) }

// uuid returns a random UUID (RFC 9562, section 5.4).
func (s *scope) uuid() string {
	b := s.random
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
