package provider

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/tidwall/gjson"
)

const document = `{"code":0,"big":12.5,"ok":true,"no":false,"none":null,"text":"abc","empty":"","zero":"0","list":[],"object":{"deep":1}}`

func TestPredicate(t *testing.T) {
	cases := map[string]struct {
		p    Predicate
		want bool
	}{
		"a number is equal":                      {Predicate{"code", "==", 0.0}, true},
		"an int is a number":                     {Predicate{"code", "==", 0}, true},
		"a json.Number is a number":              {Predicate{"big", "==", json.Number("12.5")}, true},
		"a number is not equal":                  {Predicate{"code", "==", 1}, false},
		"a number differs":                       {Predicate{"code", "!=", 1}, true},
		"a number is less":                       {Predicate{"big", "<", 13}, true},
		"a number is not less than itself":       {Predicate{"big", "<", 12.5}, false},
		"a number is at most itself":             {Predicate{"big", "<=", 12.5}, true},
		"a number is more":                       {Predicate{"big", ">", uint8(12)}, true},
		"a number is at least itself":            {Predicate{"big", ">=", float32(12.5)}, true},
		"a number is not more":                   {Predicate{"big", ">", 100}, false},
		"a text is equal":                        {Predicate{"text", "==", "abc"}, true},
		"a text differs in case":                 {Predicate{"text", "==", "ABC"}, false},
		"a text is less":                         {Predicate{"text", "<", "abd"}, true},
		"a text is more":                         {Predicate{"text", ">=", "abb"}, true},
		"a text is not a number":                 {Predicate{"zero", "==", 0}, false},
		"a text differs from a number":           {Predicate{"zero", "!=", 0}, true},
		"a text is not less than a number":       {Predicate{"zero", "<", 1}, false},
		"true is true":                           {Predicate{"ok", "==", true}, true},
		"true is not false":                      {Predicate{"ok", "!=", false}, true},
		"false is false":                         {Predicate{"no", "==", false}, true},
		"true is not 1":                          {Predicate{"ok", "==", 1}, false},
		"booleans have no order":                 {Predicate{"ok", ">=", true}, false},
		"null is null":                           {Predicate{"none", "==", nil}, true},
		"null has no order":                      {Predicate{"none", "<=", nil}, false},
		"a value is not null":                    {Predicate{"code", "!=", nil}, true},
		"a missing path is not null":             {Predicate{"missing", "==", nil}, false},
		"a missing path differs from all":        {Predicate{"missing", "!=", nil}, true},
		"a missing path is not less":             {Predicate{"missing", "<", 1}, false},
		"an array is equal to nothing":           {Predicate{"list", "==", "[]"}, false},
		"an object differs":                      {Predicate{"object", "!=", "x"}, true},
		"a path goes deep":                       {Predicate{"object.deep", "==", 1}, true},
		"bare: true":                             {Predicate{Path: "ok"}, true},
		"bare: false":                            {Predicate{Path: "no"}, false},
		"bare: null":                             {Predicate{Path: "none"}, false},
		"bare: 0":                                {Predicate{Path: "code"}, false},
		"bare: a number":                         {Predicate{Path: "big"}, true},
		"bare: a text":                           {Predicate{Path: "text"}, true},
		"bare: an empty text":                    {Predicate{Path: "empty"}, false},
		`bare: "0" is a text`:                    {Predicate{Path: "zero"}, true},
		"bare: missing":                          {Predicate{Path: "missing"}, false},
		"bare: an object":                        {Predicate{Path: "object"}, true},
		"bare: an array":                         {Predicate{Path: "list"}, true},
		"what is no operator never holds":        {Predicate{"code", "~", 0}, false},
		"what cannot be compared is never equal": {Predicate{"code", "==", []any{0}}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := c.p.Holds(gjson.Parse(document)); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestPredicatesThatCannotWork(t *testing.T) {
	cases := map[string]struct {
		p    *Predicate
		want string
	}{
		"none is fine":          {nil, ""},
		"one is fine":           {&Predicate{"a", "==", 1}, ""},
		"a bare path is fine":   {&Predicate{Path: "a"}, ""},
		"no path":               {&Predicate{Op: "=="}, "path is missing"},
		"an unknown operator":   {&Predicate{"a", "=~", 1}, `operator "=~" is none of == != < <= > >=`},
		"an array to compare":   {&Predicate{"a", "==", []any{}}, "a value of type []interface {} cannot be compared with"},
		"a number that is none": {&Predicate{"a", "==", json.Number("x")}, "a value of type json.Number cannot be compared with"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := c.p.check()
			if got := ""; err != nil {
				if got = err.Error(); got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
			} else if c.want != "" {
				t.Error("got no error")
			}
		})
	}
}

func FuzzPredicate(f *testing.F) {
	for _, path := range []string{"code", "object.deep", "missing", "@this", "list.#", "..0", `a\.b`} {
		f.Add(document, path, 0.0, "abc")
	}
	f.Add(`[1,2]`, "#(>1)#", 1.0, "")
	f.Fuzz(func(t *testing.T, text, path string, number float64, word string) {
		if !json.Valid([]byte(text)) || math.IsNaN(number) {
			t.Skip()
		}
		doc := gjson.Parse(text)
		for _, literal := range []any{number, word, true, nil} {
			holds := map[string]bool{}
			for _, op := range operators {
				holds[op] = (&Predicate{path, op, literal}).Holds(doc)
			}
			if holds["=="] == holds["!="] || holds["<"] && holds[">"] || holds["<"] && !holds["<="] || holds["=="] && holds["<"] {
				t.Errorf("%s %v contradicts itself: %v", path, literal, holds)
			}
		}
	})
}
