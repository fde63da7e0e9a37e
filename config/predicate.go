package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Predicate is a condition on a JSON document.
//
// Without an Op it holds if something exists at Path that is not false, null, 0
// or "". With one it compares what is at Path with Literal.
type Predicate struct {
	Path    string // as gjson takes it
	Op      string // ==, !=, <, <=, > or >=; empty for a bare path
	Literal any    // a string, float64 or bool, or nil for null and for a bare path
}

const maxPredicate = 1024

// ParsePredicate reads PATH OP JSON-LITERAL, or a bare PATH. The operator stands
// between spaces; the first one that is outside the brackets of the path counts,
// so that a query such as #(code == 1) may be a part of it. A character of the
// path that would be taken for an operator or a bracket is escaped by \.
func ParsePredicate(text string) (Predicate, error) {
	text = strings.TrimSpace(text)
	if err := checkExpression(text); err != nil {
		return Predicate{}, err
	}
	at, op, err := findOperator(text)
	if err != nil {
		return Predicate{}, err
	}
	if op == "" {
		return Predicate{Path: text}, nil
	}
	p := Predicate{Path: strings.TrimSpace(text[:at]), Op: op}
	if p.Path == "" {
		return Predicate{}, fmt.Errorf("there is no path before %s", op)
	}
	p.Literal, err = parseLiteral(op, text[at+len(op):])
	if err != nil {
		return Predicate{}, err
	}
	return p, nil
}

// checkExpression reports what makes a path or predicate unfit.
func checkExpression(text string) error {
	switch {
	case text == "":
		return errors.New("is empty")
	case len(text) > maxPredicate:
		return fmt.Errorf("is longer than %d bytes", maxPredicate)
	case strings.ContainsFunc(text, unicode.IsControl):
		return errors.New("holds a control character")
	default:
		return nil
	}
}

// findOperator returns the first operator outside of brackets and where it is;
// it returns no operator for a bare path.
func findOperator(text string) (at int, op string, err error) {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case c == '"' && depth > 0: // elsewhere gjson takes a quote as part of a key
			quoted = !quoted
		case quoted:
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		case depth == 0:
			if op := operatorAt(text[i:]); op != "" {
				return i, op, checkSpaces(text, i, op)
			}
			if err := checkMistaken(text, i); err != nil {
				return 0, "", err
			}
		}
	}
	if depth != 0 || quoted {
		return 0, "", errors.New("brackets or quotes do not match")
	}
	return 0, "", nil
}

func operatorAt(text string) string {
	for _, op := range []string{"==", "!=", "<=", ">=", "<", ">"} { // longest first
		if strings.HasPrefix(text, op) {
			return op
		}
	}
	return ""
}

// checkMistaken reports what stands at a place where an operator might, looks like
// one, and would be taken as part of the path: a condition that never holds.
func checkMistaken(text string, at int) error {
	begins := at == 0 || text[at-1] == ' '
	word, _, _ := strings.Cut(text[at:], " ")
	switch {
	case text[at] == '=' && (begins || word == "="):
		return errors.New("= compares nothing: write == for that, or a \\ before it if it belongs to the path")
	case begins && word != "" && strings.Trim(word, "=!~<>") == "":
		return errors.New("an operator is one of ==, !=, <, <=, > and >=; a \\ stands before what belongs to the path")
	default:
		return nil
	}
}

func checkSpaces(text string, at int, op string) error {
	before := at == 0 || text[at-1] == ' '
	after := strings.HasPrefix(text[at+len(op):], " ")
	if !before || !after {
		return fmt.Errorf("%s needs a space on either side, or a \\ before it if it belongs to the path", op)
	}
	return nil
}

func parseLiteral(op, text string) (any, error) {
	var literal any
	if err := json.Unmarshal([]byte(text), &literal); err != nil {
		return nil, fmt.Errorf("what follows %s is not a JSON literal (texts need double quotes)", op)
	}
	switch literal.(type) {
	case string, float64:
		return literal, nil
	case nil, bool:
		if op == "==" || op == "!=" {
			return literal, nil
		}
		return nil, fmt.Errorf("%s compares numbers and texts only", op)
	default:
		return nil, fmt.Errorf("what follows %s is not a single value", op)
	}
}
