package provider

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"tokend/actors/local"
	"tokend/messages"
)

// The forms in which a command prints a token, or a file holds one.
const (
	FormatAuto           = "auto"            // JSON or an ExecCredential if it begins like an object, else a token
	FormatToken          = "token"           // the token alone
	FormatJSON           = "json"            // JSON with the names of RFC 6749, section 5.1
	FormatExecCredential = "exec_credential" // what credential plugins of Kubernetes print
)

// line returns the token that text consists of, spaces and line breaks around it
// aside. what names the text in errors.
func line(what string, text []byte) (messages.Secret, error) {
	text = bare(text)
	switch {
	case len(text) == 0:
		return messages.Secret{}, unusablef("%s is empty", what)
	case bytes.ContainsAny(text, "\r\n"):
		return messages.Secret{}, unusablef("%s has more than one line, so it is no token: set format", what)
	default:
		return messages.NewSecret(string(text)), nil
	}
}

// bare returns text without a byte order mark, and without spaces and line breaks
// around it.
func bare(text []byte) []byte {
	plain, _ := local.Unmarked(text)
	return bytes.TrimSpace(plain)
}

// object reads text as a JSON object. encoding/json checks it because it bounds the
// depth of nesting, which gjson does not.
func object(what string, text []byte) (gjson.Result, error) {
	text = bare(text)
	switch {
	case len(text) == 0:
		return gjson.Result{}, unusablef("%s is empty", what)
	case !json.Valid(text):
		return gjson.Result{}, unusablef("%s is not JSON, or not all of it", what)
	case text[0] != '{':
		return gjson.Result{}, unusablef("%s is not a JSON object", what)
	default:
		return gjson.ParseBytes(text), nil
	}
}

// isExecCredential reports whether a JSON object says that it is one.
func isExecCredential(doc gjson.Result) bool {
	return doc.Get("kind").Str == "ExecCredential" || strings.HasPrefix(doc.Get("apiVersion").Str, execCredentials)
}

// execCredentials is the group of the versions of ExecCredential.
const execCredentials = "client.authentication.k8s.io/"

// parsePrinted returns the token that a command printed.
func parsePrinted(format string, text []byte) (Result, error) {
	const what = "what the command printed"
	if format == FormatToken || format == FormatAuto && !bytes.HasPrefix(bare(text), []byte("{")) {
		token, err := line(what, text)
		return Result{AccessToken: token}, err
	}
	doc, err := object(what, text)
	switch {
	case err != nil:
		return Result{}, err
	case format == FormatExecCredential, format == FormatAuto && isExecCredential(doc):
		return execCredential(doc)
	default:
		return printedJSON(doc)
	}
}

// printedJSON reads what RFC 6749, section 5.1, calls an access token response.
func printedJSON(doc gjson.Result) (Result, error) {
	return jsonMembers(doc).result(time.Time{})
}

// execCredential reads an ExecCredential. One without an expiry is good until it
// is refused, as its specification says.
func execCredential(doc gjson.Result) (Result, error) {
	switch doc.Get("apiVersion").Str {
	case execCredentials + "v1", execCredentials + "v1beta1":
	default:
		return Result{}, unusablef("apiVersion is neither %sv1 nor v1beta1", execCredentials)
	}
	if doc.Get("kind").Str != "ExecCredential" {
		return Result{}, unusablef("kind is not ExecCredential")
	}
	token, err := text(doc.Get("status.token"))
	if err != nil {
		return Result{}, unusablef("status.token %s", err)
	}
	var e ends
	e.moment("status.expirationTimestamp", doc.Get("status.expirationTimestamp"))
	res := Result{AccessToken: messages.NewSecret(token), Lasting: len(e) == 0}
	e.fill(&res)
	return res, nil
}
