package provider

import (
	"regexp"
	"strings"

	"github.com/tidwall/gjson"
)

// saying is what a JSON answer says about a failure, wherever it says it. Its texts
// are not redacted.
type saying struct {
	code   string // its error code; empty: none that has words
	reason string // the sentence that explains it
	means  meaning
	failed bool // the answer calls itself a failure, whatever its status
	fine   bool // it calls itself a success
}

// doubtful reports whether an answer that is no error by what it says has something
// to say nevertheless.
func (s *saying) doubtful() bool { return !s.failed && !s.fine && s.reason != "" }

// Where servers explain a failure, in the order of asking. The first has it that is
// there and is a text or a number: objects and lists are not shown, as anything may
// be in them.
var reasonPaths = []string{
	"error_description", "error.message", "error.description", "message", "msg", "errmsg",
	"errorSummary", "reason", "detail", "title", "fault.faultstring",
	// None of these is where the ones before are.
	"Message", "errorMessage", "error_message", "error_msg", "errMsg", "err_msg", "errors.0.message", "errors.0.detail",
}

// Where servers keep an error code. In an answer with a status of success, words at
// the general ones may as well say that all is well.
var (
	objectCodes  = []string{"error.code", "error.type", "error.status", "error.name"}
	errorCodes   = []string{"error_code", "errorCode", "errcode", "err_code", "errno", "fault.detail.errorcode", "__type"}
	generalCodes = []string{"code", "status"}
)

// sayingOf reads doc, which may be nothing.
func sayingOf(doc gjson.Result, status int) saying {
	s := saying{reason: firstText(doc, reasonPaths)}
	switch code := doc.Get("error"); {
	case code.IsObject():
		s.object(doc)
	case !isFine(scalar(code)):
		s.failed = true
		switch s.learn(scalar(code)); {
		case code.Type == gjson.True:
			s.code, s.means = "", s.sentence()
		case isSentence(s.code) && meaningOf(s.reason) == slowing: // "Access Denied", because of too many requests
			s.means = slowing
		}
	default:
		s.others(doc, status)
	}
	return s
}

// learn takes up a code.
func (s *saying) learn(code string) { s.code, s.means = code, meaningOf(code) }

// object reads an error that is an object: of several codes the one that says most
// counts, and the message beside them.
func (s *saying) object(doc gjson.Result) {
	s.failed = true
	for _, path := range objectCodes {
		if code := scalar(doc.Get(path)); meaningOf(code) > max(s.means, wordless) {
			s.learn(code)
		}
	}
	s.means = max(s.means, meaningOf(s.reason), wordless)
}

// others reads codes that stand elsewhere.
func (s *saying) others(doc gjson.Result, status int) {
	s.failed, s.fine = isFailed(doc), isDone(doc)
	general := s.failed || !success(status)
	s.codes(doc, errorCodes, true)
	s.codes(doc, generalCodes, general)
	switch {
	case s.code != "":
		s.failed = true
	case s.failed:
		s.means = s.sentence()
	}
}

// codes takes up the first code with words, if words count, and notes whether there
// are numbers.
func (s *saying) codes(doc gjson.Result, paths []string, words bool) {
	for _, path := range paths {
		code := scalar(doc.Get(path))
		means := meaningOf(code)
		switch {
		case s.code != "", isFine(code), path == "status" && (isFailure(code) || means == wordless && doc.Get(path).Num < 400):
		case means == wordless:
			s.means = wordless
		case words:
			s.learn(code)
		}
	}
}

// challenged finds an error in WWW-Authenticate (RFC 6750, section 3).
var challenged = regexp.MustCompile(`(?i)\b(error|error_description)="([^"]*)"`)

// challenge takes up what the header of an answer says whose body says nothing.
func (s *saying) challenge(header string) {
	if s.code != "" || s.reason != "" {
		return
	}
	for _, found := range challenged.FindAllStringSubmatch(header, 2) {
		if strings.EqualFold(found[1], "error") {
			s.learn(found[2])
		} else {
			s.reason = found[2]
		}
	}
}

// sentence returns what the reason means where there is no code.
func (s *saying) sentence() meaning { return max(meaningOf(s.reason), wordless) }

// isFailed reports whether an answer calls itself a failure.
func isFailed(doc gjson.Result) bool {
	for _, name := range []string{"ok", "success", "Success", "isSuccess", "IsSuccess"} {
		switch v := doc.Get(name); {
		case v.Type == gjson.False, v.Type == gjson.Number && v.Num == 0, v.Type == gjson.String && strings.EqualFold(v.Str, "false"):
			return true
		}
	}
	return isFailure(doc.Get("status").Str) || isFailure(doc.Get("result").Str)
}

// isDone reports whether an answer calls itself a success.
func isDone(doc gjson.Result) bool {
	if doc.Get("ok").Type == gjson.True || doc.Get("success").Type == gjson.True {
		return true
	}
	for _, path := range []string{"code", "errcode", "errno", "error_code"} {
		if code := doc.Get(path); scalar(code) != "" && isFine(scalar(code)) {
			return true
		}
	}
	return false
}

func isFailure(word string) bool {
	switch strings.ToLower(word) {
	case "error", "fail", "failed", "failure":
		return true
	default:
		return false
	}
}

// firstText returns the first text or number that a path leads to.
func firstText(doc gjson.Result, paths []string) string {
	for _, path := range paths {
		if text := strings.TrimSpace(scalar(doc.Get(path))); text != "" {
			return text
		}
	}
	return ""
}

// scalar returns a value that is one alone, empty for an object, a list or null.
func scalar(v gjson.Result) string {
	if v.Type == gjson.JSON || v.Type == gjson.Null {
		return ""
	}
	return v.String()
}
