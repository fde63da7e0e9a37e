package config

import (
	"reflect"
	"slices"
)

// WithDefaults returns a copy of c in which defaults stand for the zero values
// of everything but the services, as in what [Load] and [Parse] return, and the hosts of listeners
// are in lower case. The
// services' own zero values stay: see [Config.Policy] and the fields' comments.
func (c Config) WithDefaults() Config {
	defaults := defaultConfig()
	fill(reflect.ValueOf(&c).Elem(), reflect.ValueOf(&defaults).Elem())
	c.Listen = slices.Clone(c.Listen)
	for i := range c.Listen {
		c.Listen[i].Address = canonical(c.Listen[i].Address)
	}
	return c
}

// defaultConfig returns what a configuration without any key comes to.
func defaultConfig() Config {
	var c Config
	decode(presets(reflect.TypeFor[Config]()), process, &c)
	return c
}

// fill sets the zero fields of a struct, and of the structs in it, to those of
// from.
func fill(v, from reflect.Value) {
	for _, f := range schema[v.Type()] {
		dst, src := v.FieldByIndex(f.index), from.FieldByIndex(f.index)
		switch {
		case schema[f.typ] != nil:
			fill(dst, src)
		case dst.IsZero() || dst.Kind() == reflect.Slice && dst.Len() == 0:
			dst.Set(src)
		}
	}
}
