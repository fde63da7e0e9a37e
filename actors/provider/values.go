package provider

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// bearer is the type of a token that comes without one.
const bearer = "Bearer"

// absent reports whether an answer leaves a value out; null does.
func absent(v gjson.Result) bool { return v.Type == gjson.Null }

// text returns what must be there and be a non-empty text, such as a token: a
// number or an object in its place is something else than a token.
func text(v gjson.Result) (string, error) {
	switch {
	case absent(v), v.Type == gjson.String && v.Str == "":
		return "", errMissing
	case v.Type != gjson.String:
		return "", errNoText
	default:
		return v.Str, nil
	}
}

// number returns a JSON number, or the number a JSON string holds: some servers
// quote them.
func number(v gjson.Result) (float64, bool) {
	if v.Type == gjson.Number {
		return v.Num, finite(v.Num)
	}
	text := strings.TrimSpace(v.Str)
	if v.Type != gjson.String || text == "" || strings.Trim(text, "0123456789+-.eE") != "" {
		return 0, false // ParseFloat takes "inf", "nan" and hexadecimal, too
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil && finite(n)
}

func finite(n float64) bool { return !math.IsInf(n, 0) && !math.IsNaN(n) }

var (
	errNoNumber    = errors.New("is not a number")
	errNotPositive = errors.New("is not positive")
	errNoTime      = errors.New("is neither RFC 3339 nor a number since 1970")
	errNoZone      = errors.New("is a time without a zone: must be RFC 3339 or a number since 1970")
	errTime        = errors.New("is a time: use expires_at")
	errNoText      = errors.New("is not a text")
	errMissing     = errors.New("is missing")
	errNoValue     = errors.New("is not a single value")
	errLongValue   = fmt.Errorf("is longer than %d bytes", maxToken)
	errDocument    = errors.New("finds a document, not a token: name the place of the token by response.token")
	errNoScopes    = errors.New("is neither a text nor a list of texts")
)

// duration returns a lifetime given as a count of units, zero if absent. A count
// of 0 is an answer, not an absence: a token without life.
func duration(v gjson.Result, unit time.Duration) (time.Duration, error) {
	if absent(v) {
		return 0, nil
	}
	n, ok := number(v)
	if !ok {
		if _, err := ofText(v.Str); err == nil || err == errNoZone {
			return 0, errTime
		}
		return 0, errNoNumber
	}
	d := time.Duration(min(n*float64(unit), float64(maxLifetime)))
	switch {
	case n <= 0 || d <= 0:
		return 0, errNotPositive
	case isDate(n) && (unit == time.Second || n >= firstMillis):
		return 0, fmt.Errorf("%s is a date in digits, not a lifetime: use expires_at with RFC 3339", digits(n))
	default:
		return d, nil
	}
}

// tokenType returns what a server calls the type of a token, empty if nothing.
func tokenType(v gjson.Result) (string, error) {
	if absent(v) {
		return "", nil
	}
	if v.Type != gjson.String {
		return "", errNoText
	}
	return strings.TrimSpace(v.Str), nil
}

// bound reports whether tokens of a type are good for nothing without a proof of
// a key with every request: RFC 9449, RFC 9200, and what came of OAuth 1.
func bound(kind string) bool { return kind == dpop || kind == "PoP" || kind == "MAC" }

const dpop = "DPoP"

func canonicalType(name string) string {
	for _, known := range []string{bearer, dpop, "PoP", "MAC", "Basic"} {
		if strings.EqualFold(name, known) {
			return known
		}
	}
	return name
}

// scopes returns granted scopes, nil if absent: a list separated by spaces
// (RFC 6749, section 3.3), or an array, which some servers send.
func scopes(v gjson.Result) ([]string, error) {
	switch {
	case absent(v):
		return nil, nil
	case v.Type == gjson.String:
		return strings.Fields(v.Str), nil
	case !v.IsArray():
		return nil, errNoScopes
	}
	list := []string{}
	for _, item := range v.Array() {
		if item.Type != gjson.String {
			return nil, errNoScopes
		}
		list = append(list, strings.Fields(item.Str)...)
	}
	return list, nil
}
