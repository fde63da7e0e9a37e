package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tokend/config"
)

func TestPredicateSplits(t *testing.T) {
	for text, want := range map[string]config.Predicate{
		`data.token`:                       {Path: `data.token`},
		`  data.token  `:                   {Path: `data.token`},
		`code == 0`:                        {Path: `code`, Op: "==", Literal: 0.0},
		`code   !=   -1.5e3`:               {Path: `code`, Op: "!=", Literal: -1500.0},
		`n < 3`:                            {Path: `n`, Op: "<", Literal: 3.0},
		`n <= 3`:                           {Path: `n`, Op: "<=", Literal: 3.0},
		`n > 3`:                            {Path: `n`, Op: ">", Literal: 3.0},
		`n >= "b"`:                         {Path: `n`, Op: ">=", Literal: "b"},
		`ok == true`:                       {Path: `ok`, Op: "==", Literal: true},
		`data == null`:                     {Path: `data`, Op: "==", Literal: nil},
		`msg == "a == b"`:                  {Path: `msg`, Op: "==", Literal: "a == b"},
		`msg == "(["`:                      {Path: `msg`, Op: "==", Literal: "(["},
		`msg == "say \"no\""`:              {Path: `msg`, Op: "==", Literal: `say "no"`},
		`list.#(code == "x").ok`:           {Path: `list.#(code == "x").ok`},
		`list.#(code=="x")#.ok`:            {Path: `list.#(code=="x")#.ok`},
		`list.#(code == "x").ok == true`:   {Path: `list.#(code == "x").ok`, Op: "==", Literal: true},
		`list.#(name == ")").code == 3`:    {Path: `list.#(name == ")").code`, Op: "==", Literal: 3.0},
		`list.#(a.#(b > 1)).c < 2`:         {Path: `list.#(a.#(b > 1)).c`, Op: "<", Literal: 2.0},
		`list.#`:                           {Path: `list.#`},
		`list.# > 0`:                       {Path: `list.#`, Op: ">", Literal: 0.0},
		`data.two words == 1`:              {Path: `data.two words`, Op: "==", Literal: 1.0},
		`a\=\=b == 1`:                      {Path: `a\=\=b`, Op: "==", Literal: 1.0},
		`a \= b == 1`:                      {Path: `a \= b`, Op: "==", Literal: 1.0},
		`a=b`:                              {Path: `a=b`},
		`a & b == 1`:                       {Path: `a & b`, Op: "==", Literal: 1.0},
		`list.#(a = 1).b`:                  {Path: `list.#(a = 1).b`},
		`!true`:                            {Path: `!true`},
		`a"b == 1`:                         {Path: `a"b`, Op: "==", Literal: 1.0},
		`a\(b == 1`:                        {Path: `a\(b`, Op: "==", Literal: 1.0},
		`{a,"b":c}.b == "x"`:               {Path: `{a,"b":c}.b`, Op: "==", Literal: "x"},
		`data|@flatten:{"deep":true} == 1`: {Path: `data|@flatten:{"deep":true}`, Op: "==", Literal: 1.0},
	} {
		t.Run(text, func(t *testing.T) {
			got, err := config.ParsePredicate(text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPredicateErrors(t *testing.T) {
	for text, want := range map[string]string{
		``:                         "is empty",
		`   `:                      "is empty",
		`== 3`:                     "there is no path before ==",
		`code ==`:                  "== needs a space on either side, or a \\ before it if it belongs to the path",
		`code == `:                 "== needs a space on either side, or a \\ before it if it belongs to the path",
		`code==0`:                  "== needs a space on either side, or a \\ before it if it belongs to the path",
		`code ==0`:                 "== needs a space on either side, or a \\ before it if it belongs to the path",
		`a<b`:                      "< needs a space on either side, or a \\ before it if it belongs to the path",
		`code == canary`:           "what follows == is not a JSON literal (texts need double quotes)",
		`code == 'canary'`:         "what follows == is not a JSON literal (texts need double quotes)",
		`msg == "canary == 3`:      "what follows == is not a JSON literal (texts need double quotes)",
		`code == 3 == 3`:           "what follows == is not a JSON literal (texts need double quotes)",
		`code == 1e999`:            "what follows == is not a JSON literal (texts need double quotes)",
		`code == [1]`:              "what follows == is not a single value",
		`code == {}`:               "what follows == is not a single value",
		`code < true`:              "< compares numbers and texts only",
		`code >= null`:             ">= compares numbers and texts only",
		`code = 0`:                 "= compares nothing: write == for that, or a \\ before it if it belongs to the path",
		`code =0`:                  "= compares nothing: write == for that, or a \\ before it if it belongs to the path",
		`code= 0`:                  "= compares nothing: write == for that, or a \\ before it if it belongs to the path",
		`code =`:                   "= compares nothing: write == for that, or a \\ before it if it belongs to the path",
		`= 0`:                      "= compares nothing: write == for that, or a \\ before it if it belongs to the path",
		`code =~ "a"`:              "= compares nothing: write == for that, or a \\ before it if it belongs to the path",
		`code => 0`:                "= compares nothing: write == for that, or a \\ before it if it belongs to the path",
		`code === 0`:               "== needs a space on either side, or a \\ before it if it belongs to the path",
		`code !== 0`:               "!= needs a space on either side, or a \\ before it if it belongs to the path",
		`! code`:                   "an operator is one of ==, !=, <, <=, > and >=; a \\ stands before what belongs to the path",
		`code ~ 0`:                 "an operator is one of ==, !=, <, <=, > and >=; a \\ stands before what belongs to the path",
		`code !~ 0`:                "an operator is one of ==, !=, <, <=, > and >=; a \\ stands before what belongs to the path",
		`list.#(code == 3`:         "brackets or quotes do not match",
		`list.#(code == "x).a`:     "brackets or quotes do not match",
		`a) == 3`:                  "brackets or quotes do not match",
		"a\nb":                     "holds a control character",
		strings.Repeat("a.", 1000): "is longer than 1024 bytes",
	} {
		t.Run(text, func(t *testing.T) {
			got, err := config.ParsePredicate(text)
			if err == nil || err.Error() != want {
				t.Errorf("got %+v, %v; want %s", got, err, want)
			}
		})
	}
}

func FuzzPredicate(f *testing.F) {
	for _, seed := range []string{`a`, `a == 1`, `a.#(b == "c").d != null`, `a\==b`, `a ==`, `(`, `"`, `a == "b`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := config.ParsePredicate(text)
		if err != nil {
			if p != (config.Predicate{}) {
				t.Errorf("%+v beside the error %v", p, err)
			}
			return
		}
		if p.Path == "" || p.Path != strings.TrimSpace(p.Path) {
			t.Errorf("path %q", p.Path)
		}
		again, err := config.ParsePredicate(p.Path)
		if err != nil || again.Op != "" || again.Path != p.Path {
			t.Errorf("the path %q is not a predicate of its own: %+v, %v", p.Path, again, err)
		}
	})
}
