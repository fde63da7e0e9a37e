package config

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"

	"tokend/messages"
)

// Tree is a value as JSON knows it (map[string]any, []any, string, bool, number
// or nil) whose texts are templates as those of a [Secret]. It prints redacted.
// The zero Tree, and one that holds nil, is not set.
//
// A Tree is immutable and may be used by any number of goroutines.
type Tree struct {
	redacted
	root hidden[root]
}

type root struct {
	value  any
	source *source
}

// Bounds of what a value may hold. They also end the copying of a Go value that
// holds itself.
const (
	maxDepth  = 64
	maxValues = 100_000
)

// NewTree returns a Tree for a copy of v. Its relative paths start at the
// working directory, its variables are those of the process. What v must not
// hold is reported by [Tree.Resolve].
func NewTree(v any) Tree {
	w := &walker{text: func(template string) (string, error) { return template, nil }}
	if copied := w.copy("", v, 0); w.problems == nil {
		v = copied
	}
	return newTree(v, process)
}

func newTree(v any, s *source) Tree {
	if v == nil {
		return Tree{}
	}
	return Tree{root: hide(root{v, s})}
}

// Resolve returns a copy of the value in which every text is resolved. Its
// errors are those of [Secret.Resolve], each a [FieldError] with a path within
// the value.
func (t Tree) Resolve() (any, error) {
	v, _, err := t.Expand()
	return v, err
}

// Expand is [Tree.Resolve] that also returns what each reference came to, as
// [Secret.Expand] does.
func (t Tree) Expand() (value any, references []messages.Secret, err error) {
	value, references, problems := t.expand("")
	return value, references, problems.err()
}

// expand is Expand with the path of the tree itself.
func (t Tree) expand(path string) (any, []messages.Secret, problems) {
	if t.IsZero() {
		return nil, nil, nil
	}
	root := t.root.get()
	var found []messages.Secret
	w := &walker{text: func(template string) (string, error) { return root.source.secret(template, &found) }}
	v := w.copy(path, root.value, 0)
	if w.problems != nil {
		return nil, nil, w.problems
	}
	return v, found, nil
}

// IsZero reports whether the Tree is not set.
func (t Tree) IsZero() bool { return t.root.isZero() }

// isMap reports whether the Tree is a map.
func (t Tree) isMap() bool {
	if t.IsZero() {
		return false
	}
	_, ok := t.root.get().value.(map[string]any)
	return ok
}

// walker copies a value and notes what is wrong with it.
type walker struct {
	problems
	values int
	text   func(template string) (string, error)
}

func (w *walker) copy(path string, v any, depth int) any {
	w.values++
	if depth > maxDepth || w.values > maxValues {
		if w.problems == nil { // once is enough
			w.add(path, "is nested too deeply or holds too much")
		}
		return nil
	}
	switch v := v.(type) {
	case map[string]any:
		return w.copyMap(path, v, depth)
	case []any:
		return w.copyList(path, v, depth)
	case string:
		text, err := w.text(v)
		if err != nil {
			w.add(path, "%v", err)
		}
		return text
	default:
		if !isScalar(v) {
			w.add(path, "holds a %T, which JSON does not know", v)
		}
		return v
	}
}

func (w *walker) copyMap(path string, m map[string]any, depth int) map[string]any {
	out := make(map[string]any, len(m))
	for key, v := range m {
		out[key] = w.copy(join(path, key), v, depth+1)
	}
	return out
}

func (w *walker) copyList(path string, list []any, depth int) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = w.copy(item(path, i), v, depth+1)
	}
	return out
}

// isScalar reports whether v is nil, a boolean or a finite number.
func isScalar(v any) bool {
	switch v := v.(type) {
	case nil, bool:
		return true
	case json.Number:
		_, err := v.Float64()
		return err == nil && json.Valid([]byte(v))
	case fmt.Stringer:
		return false // a time.Duration, say, would go out as a bare number
	}
	switch r := reflect.ValueOf(v); {
	case r.CanInt(), r.CanUint():
		return true
	case r.CanFloat():
		return !math.IsNaN(r.Float()) && !math.IsInf(r.Float(), 0)
	default:
		return false
	}
}
