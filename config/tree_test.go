package config_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tokend/config"
)

func TestTreeResolvesACopy(t *testing.T) {
	t.Setenv("TREE_USER", "probe")
	list := []any{"${env:TREE_USER}", nil}
	given := map[string]any{
		"user": "${env:TREE_USER}", "list": list, "n": 3, "big": uint64(math.MaxUint64), "f": 1.5, "yes": true, "num": json.Number("12"),
	}
	tree := config.NewTree(given)
	list[0], given["user"] = "changed", "changed"

	want := map[string]any{
		"user": "probe", "list": []any{"probe", nil}, "n": 3, "big": uint64(math.MaxUint64), "f": 1.5, "yes": true, "num": json.Number("12"),
	}
	for range 2 {
		got, err := tree.Resolve()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		got.(map[string]any)["user"] = "spoiled"
	}
}

func TestTreeOfNothingIsNotSet(t *testing.T) {
	for name, tree := range map[string]config.Tree{"zero": {}, "nil": config.NewTree(nil)} {
		if v, err := tree.Resolve(); !tree.IsZero() || v != nil || err != nil {
			t.Errorf("%s: %v, %v, %v", name, tree.IsZero(), v, err)
		}
	}
	if config.NewTree(false).IsZero() {
		t.Error("a tree that holds false counts as not set")
	}
}

func TestTreeReportsEverythingInIt(t *testing.T) {
	_, err := config.NewTree(map[string]any{
		"a": "canary ${env:TREE_UNSET}",
		"b": []any{"fine", "${env:TREE_UNSET}"},
		"c": map[string]any{"deep": "${file:/nonexistent/canary-free}"},
	}).Resolve()
	want := []config.FieldError{
		{Path: "a", Message: "${env:TREE_UNSET}: not set"},
		{Path: "b[1]", Message: "${env:TREE_UNSET}: not set"},
		{Path: "c.deep", Message: "${file:/nonexistent/canary-free}: no such file or directory"},
	}
	if diff := cmp.Diff(want, config.Errors(err)); diff != "" {
		t.Error(diff)
	}
}

func TestTreeRefusesWhatJSONCannotHold(t *testing.T) {
	cycle := map[string]any{}
	cycle["a"], cycle["b"] = cycle, cycle
	for name, v := range map[string]any{
		"a struct":           map[string]any{"x": struct{}{}},
		"a typed map":        map[string]string{"x": "y"},
		"a duration":         []any{time.Second},
		"not a number":       math.NaN(),
		"infinity":           math.Inf(1),
		"a false number":     json.Number(`"x"`),
		"a function":         func() {},
		"a map of itself":    cycle,
		"far too many texts": make([]any, 200_000),
	} {
		t.Run(name, func(t *testing.T) {
			if v, err := config.NewTree(v).Resolve(); err == nil || v != nil {
				t.Errorf("got %v, %v", v, err)
			}
		})
	}
}

func TestTreeErrorsAreFieldErrors(t *testing.T) {
	_, err := config.NewTree([]any{struct{ canary string }{"canary-7"}}).Resolve()
	if len(config.Errors(err)) != 1 || strings.Contains(err.Error(), "canary-7") {
		t.Errorf("got %v", err)
	}
}
