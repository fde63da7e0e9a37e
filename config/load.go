package config

import (
	"errors"
	"maps"
	"path/filepath"
	"reflect"

	kmaps "github.com/knadh/koanf/maps"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/v2"

	"tokend/actors/local"
)

// maxFile bounds a configuration: 100,000 services take about 50 MiB.
const maxFile = 256 << 20

// Load reads the configuration file at path, puts the layers over one another
// and validates what they come to. On failure the error joins one [FieldError]
// for every mistake; see [Errors].
//
// Relative paths in the file start at its directory.
func Load(path string, opts ...Option) (*Config, error) {
	text, err := local.ReadFile(path, maxFile)
	if err != nil {
		return nil, &FieldError{Path: path, Message: err.Error()}
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, &FieldError{Path: path, Message: err.Error()}
	}
	return Parse(text, append([]Option{WithDir(dir), withFile(path)}, opts...)...)
}

// Parse is [Load] for a configuration that is not in a file. Its relative paths
// start at the working directory unless [WithDir] says otherwise.
func Parse(yaml []byte, opts ...Option) (*Config, error) {
	o := newOptions(opts)
	file, problems := parseYAML(o.file, yaml)
	if file == nil && problems != nil {
		return nil, problems.err()
	}
	l := &layers{keys: koanf.New(delimiter), outer: outer{variables: map[string]string{}}}
	values := l.merge(file, o)

	var c Config
	problems = append(problems, l.problems...)
	problems = append(problems, decode(values, o.source(), &c)...)
	problems = append(problems, c.check(o.kinds).without(problems)...)
	problems = append(problems, c.writtenOn(o.file)...)
	l.attribute(problems)
	if err := problems.err(); err != nil {
		return nil, err
	}
	c = c.WithDefaults()
	return &c, nil
}

// delimiter separates the keys of a path within koanf. It occurs in no key: YAML
// is UTF-8, and so is what we take from elsewhere.
const delimiter = "\xff"

// layers puts the layers over one another.
type layers struct {
	outer
	keys *koanf.Koanf
}

// merge returns the values of all layers. The map belongs to the caller.
//
// Services that only the file speaks of go past koanf, which flattens everything
// it holds with each layer: that would take seconds for very many services.
func (l *layers) merge(file map[string]any, o *options) map[string]any {
	services, _ := file["services"].(map[string]any)
	l.exists = func(name string) bool { return services[name] != nil }
	file, rest := apart(file, services, o.touched())

	l.load(layer(presets(reflect.TypeFor[Config]())))
	l.load(layer(file))
	l.load(env.Provider(delimiter, env.Opt{
		Prefix: prefix, EnvironFunc: o.environ, TransformFunc: l.variable,
	}))
	l.load(layer(kmaps.Unflatten(l.flags(o.flags), delimiter)))

	values := l.keys.Raw()
	if merged, ok := values["services"].(map[string]any); ok {
		maps.Copy(merged, rest)
	}
	return values
}

// apart returns file with none but the touched services, and the rest of them.
func apart(file, services map[string]any, touched map[string]bool) (some, rest map[string]any) {
	if services == nil {
		return file, nil
	}
	inner := map[string]any{}
	rest = make(map[string]any, len(services))
	for name, service := range services {
		if touched[name] {
			inner[name] = service
		} else {
			rest[name] = service
		}
	}
	some = maps.Clone(file)
	some["services"] = inner
	return some, rest
}

func (l *layers) load(p koanf.Provider) {
	if err := l.keys.Load(p, nil); err != nil {
		l.add("configuration", "%v", err)
	}
}

// layer is a koanf.Provider of values that are at hand already.
type layer map[string]any

// Read returns the values.
func (l layer) Read() (map[string]any, error) { return l, nil }

// ReadBytes is not supported.
func (layer) ReadBytes() ([]byte, error) { return nil, errors.ErrUnsupported }
