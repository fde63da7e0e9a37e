package provider

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/tidwall/gjson"
)

// Predicate is a claim about a JSON document: the value at Path compares to
// Literal as Op says. Without Op it claims that the value is there and is not
// false, null, 0 or "".
//
// Values are compared within one type: numbers with numbers, as float64; texts
// with texts, byte by byte; true, false and null for equality only. Whatever else
// meets, a path that leads nowhere included, is not equal, so that all such
// claims are false, but those with != are true: "0" is not 0, and a missing code
// is not 0 either.
type Predicate struct {
	Path    string // gjson's
	Op      string // ==, !=, <, <=, >, >=, or empty
	Literal any    // a number of any kind, a string, a bool, or nil; ignored without Op
}

var operators = []string{"", "==", "!=", "<", "<=", ">", ">="}

// check returns what is wrong with p; nothing is with a nil one.
func (p *Predicate) check() error {
	if p == nil {
		return nil
	}
	if p.Path == "" {
		return errors.New("path is missing")
	}
	if !slices.Contains(operators, p.Op) {
		return fmt.Errorf("operator %q is none of == != < <= > >=", p.Op)
	}
	if p.Op == "" {
		return nil
	}
	switch value(p.Literal).(type) {
	case nil, string, bool, float64:
		return nil
	default:
		return fmt.Errorf("a value of type %T cannot be compared with", p.Literal)
	}
}

// Holds reports whether p is true of a document that is valid JSON.
func (p *Predicate) Holds(document gjson.Result) bool {
	found := document.Get(p.Path)
	if p.Op == "" {
		return truthy(found)
	}
	order, same := compare(found, value(p.Literal))
	switch p.Op {
	case "==":
		return same && order == 0
	case "!=":
		return !same || order != 0
	}
	if !same || (found.Type != gjson.Number && found.Type != gjson.String) {
		return false
	}
	switch p.Op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	default:
		return false
	}
}

func truthy(v gjson.Result) bool {
	switch v.Type {
	case gjson.True, gjson.JSON:
		return true
	case gjson.Number:
		return v.Num != 0
	case gjson.String:
		return v.Str != ""
	default:
		return false
	}
}

// compare orders a found value and a literal, if they are of one type.
func compare(found gjson.Result, literal any) (order int, same bool) {
	if !found.Exists() {
		return 0, false
	}
	switch l := literal.(type) {
	case nil:
		return 0, found.Type == gjson.Null
	case bool:
		if found.Bool() != l {
			order = 1
		}
		return order, found.Type == gjson.True || found.Type == gjson.False
	case float64:
		return cmp.Compare(found.Num, l), found.Type == gjson.Number
	case string:
		return cmp.Compare(found.Str, l), found.Type == gjson.String
	default:
		return 0, false
	}
}

// value returns a literal with numbers of every kind as float64, which is what
// gjson has for those of the document.
func value(literal any) any {
	if n, ok := literal.(json.Number); ok {
		if f, err := n.Float64(); err == nil {
			return f
		}
		return literal
	}
	switch v := reflect.ValueOf(literal); {
	case !v.IsValid():
		return nil
	case v.CanInt():
		return float64(v.Int())
	case v.CanUint():
		return float64(v.Uint())
	case v.CanFloat():
		return v.Float()
	default:
		return literal
	}
}
