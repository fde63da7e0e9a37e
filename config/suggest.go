package config

import (
	"reflect"
	"slices"
	"strings"
)

// meant returns the path that keys were most likely meant to be, as the end of a
// sentence, or "" if none is close.
func meant(keys []string) string {
	near, t := slices.Clone(keys), reflect.TypeFor[Config]()
	for i, key := range near {
		if find(t, near[:i+1]) != nil {
			continue
		}
		if near[i] = nearest(key, keysAt(t, near[:i])); near[i] == "" {
			return ""
		}
	}
	return "; did you mean " + label(strings.Join(near, ".")) + "?"
}

// keysAt lists the keys of the struct at a path below t, if there is one.
func keysAt(t reflect.Type, path []string) []string {
	if t = find(t, path); t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return keyNames(t)
}

func keyNames(t reflect.Type) []string {
	names := make([]string, len(schema[t]))
	for i, f := range schema[t] {
		names[i] = f.key
	}
	return names
}

// nearest returns the candidate that key was most likely meant to be, or "" if
// none is close.
func nearest(key string, candidates []string) string {
	const (
		farthest = 3
		longest  = 64
	)
	if len(key) > longest {
		return ""
	}
	best, found := farthest, ""
	for _, c := range candidates {
		// A third of a key may be wrong: of a short one not much.
		if d := distance(key, c); d < best && d <= len(c)/3 {
			best, found = d, c
		}
	}
	return found
}

// distance returns how many characters have to be inserted, deleted, replaced or
// swapped with their neighbour to turn a into b.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			changed := last[j]
			if a[i] != b[j] {
				changed++
			}
			row[j+1] = min(changed, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
