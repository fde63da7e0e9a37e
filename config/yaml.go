package config

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parseYAML reads one YAML document that holds a map. Unlike a plain YAML
// decoder it keeps numbers as they were written and refuses duplicate keys,
// foreign tags and whatever aliases blow up. file is named where no key can be;
// empty: there is no file.
func parseYAML(file string, text []byte) (map[string]any, problems) {
	r := yamlReader{file: file}
	doc, err := decodeDocument(text)
	if err != nil {
		r.addSyntax(err, text)
		return nil, r.problems
	}
	if doc == nil {
		return nil, nil
	}
	r.budget = 10*len(text) + 1000
	switch v := r.value("", doc, 0).(type) {
	case map[string]any:
		return v, r.problems
	case nil:
		return nil, r.problems
	default:
		r.add(r.at(doc), "a configuration is a map of keys")
		return nil, r.problems
	}
}

var errDocuments = errors.New("yaml: a configuration is a single YAML document")

// decodeDocument returns the value of the only document in text, nil if there
// is none.
func decodeDocument(text []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, err
	}
	switch err := dec.Decode(&more); {
	case err == nil:
		return nil, errDocuments
	case !errors.Is(err, io.EOF):
		return nil, err
	case len(doc.Content) == 0:
		return nil, nil
	}
	return doc.Content[0], nil
}

// yamlReader turns nodes into plain values.
type yamlReader struct {
	problems
	file   string
	budget int // values that may still be read; aliases count each time
}

func (r *yamlReader) value(path string, n *yaml.Node, depth int) any {
	if r.budget--; r.budget < 0 || depth > maxDepth {
		if len(r.problems) == 0 { // once is enough
			r.add(r.at(n), "is nested too deeply, or aliases repeat too much")
		}
		return nil
	}
	switch {
	case n.Kind == yaml.AliasNode:
		return r.value(path, n.Alias, depth+1)
	case n.Kind == yaml.MappingNode && n.ShortTag() == "!!map":
		return r.mapping(path, n, depth)
	case n.Kind == yaml.SequenceNode && n.ShortTag() == "!!seq":
		return r.sequence(path, n, depth)
	case n.Kind == yaml.ScalarNode:
		return r.scalar(path, n)
	default:
		r.addTag(path, n)
		return nil
	}
}

func (r *yamlReader) sequence(path string, n *yaml.Node, depth int) []any {
	list := make([]any, len(n.Content))
	for i, entry := range n.Content {
		list[i] = r.value(item(path, i), entry, depth+1)
	}
	return list
}

func (r *yamlReader) mapping(path string, n *yaml.Node, depth int) map[string]any {
	out := make(map[string]any, len(n.Content)/2)
	lines := make(map[string]string, len(n.Content)/2)
	var merged []any
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, v := n.Content[i], n.Content[i+1]
		switch first, known := lines[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			r.add(r.at(key), "a key is a plain text")
		case key.ShortTag() == "!!merge":
			merged = append(merged, r.value(path, v, depth+1))
		case known:
			r.add(join(path, key.Value), "duplicate key: %s and %s", first, line(key))
		default:
			lines[key.Value] = line(key)
			out[key.Value] = r.value(join(path, key.Value), v, depth+1)
		}
	}
	for _, m := range merged {
		r.merge(path, out, m)
	}
	return out
}

// merge adds the keys that a merge key (<<) brings and that are not set.
func (r *yamlReader) merge(path string, out map[string]any, from any) {
	switch from := from.(type) {
	case map[string]any:
		for key, v := range from {
			if _, set := out[key]; !set {
				out[key] = v
			}
		}
	case []any:
		for _, v := range from {
			r.merge(path, out, v)
		}
	default:
		r.add(strings.TrimPrefix(path+".<<", "."), "merges maps only")
	}
}

func (r *yamlReader) scalar(path string, n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int", "!!float":
		return number(n.Value)
	case "!!str", "!!timestamp":
		return n.Value
	default:
		r.addTag(path, n)
		return nil
	}
}

func (r *yamlReader) addTag(path string, n *yaml.Node) {
	if path == "" {
		path = r.at(n)
	}
	r.add(path, "a tag (!) that is not known here: a text that starts with ! needs quotes")
}

func line(n *yaml.Node) string { return "line " + strconv.Itoa(n.Line) }

// at names the place of a node that no key names.
func (r *yamlReader) at(n *yaml.Node) string { return r.line(n.Line) }

func (r *yamlReader) line(n int) string {
	place := "line " + strconv.Itoa(n)
	if r.file != "" {
		place = r.file + ": " + place
	}
	return place
}

// whole names what has no line either.
func (r *yamlReader) whole() string { return cmp.Or(r.file, "yaml") }
