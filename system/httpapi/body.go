package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

// maxBody holds maxNames of the longest names there can be.
const maxBody = 128 << 10

// field reads the value of the field with that name.
type field func(name string, dec *json.Decoder) error

// readFields reads a body that may be missing, for all its fields may be.
func readFields(w http.ResponseWriter, r *http.Request, each field) error {
	if r.Body == http.NoBody {
		return nil
	}
	body, err := readBody(w, r)
	if err != nil || len(body) == 0 {
		return err
	}
	return parseObject(body, "the body must be a JSON object, or empty", each)
}

// readBody gives the body little time: it is small, and who sends it in drops would
// be in others' way. The wait for tokens has the whole time again.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	deadlines := http.NewResponseController(w)
	_ = deadlines.SetReadDeadline(time.Now().Add(bodyTimeout)) // a host's server may have none
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		w.Header().Set("Connection", "close") // else the server waits for the rest before it answers
		return nil, bodyProblem(err)
	}
	_ = deadlines.SetReadDeadline(time.Now().Add(requestTimeout))
	return body, nil
}

func bodyProblem(err error) *Problem {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return problem(CodeTooLarge, "the body may have 128 KiB")
	}
	return problem(CodeInvalidRequest, "the body did not come whole")
}

// parseObject reads an object by hand because encoding/json takes repeated
// fields, fields in another case and null for granted. What is no object is told
// by otherwise.
func parseObject(body []byte, otherwise string, each field) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	seen := map[string]bool{}
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return problem(CodeInvalidRequest, otherwise)
	}
	for dec.More() {
		name, err := fieldName(dec, seen)
		if err != nil {
			return err
		}
		if err := each(name, dec); err != nil {
			return err
		}
	}
	return end(dec)
}

func fieldName(dec *json.Decoder, seen map[string]bool) (string, error) {
	t, err := dec.Token()
	name, ok := t.(string)
	if err != nil || !ok {
		return "", notJSON()
	}
	if seen[name] {
		return "", problem(CodeInvalidRequest, "field "+quoted(name)+" is given twice")
	}
	seen[name] = true
	return name, nil
}

func unknownField(name string) *Problem {
	return problem(CodeInvalidRequest, "unknown field "+quoted(name))
}

// end makes sure that the object is closed and nothing follows it.
func end(dec *json.Decoder) error {
	if _, err := dec.Token(); err != nil {
		return notJSON()
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return problem(CodeInvalidRequest, "something follows the JSON object")
	}
	return nil
}

func notJSON() *Problem { return problem(CodeInvalidRequest, "the body is not JSON") }
