package config

import (
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"time"
)

// decoder fills a Config from plain values: map[string]any, []any, string, bool,
// number and nil. A nil stands for a key that is not set.
type decoder struct {
	problems
	source *source
}

// decode fills c and reports everything in values that does not fit.
func decode(values map[string]any, s *source, c *Config) problems {
	d := &decoder{source: s}
	d.object("", values, reflect.ValueOf(c).Elem(), "")
	lower(c.Hosts)
	for i := range c.Listen {
		c.Listen[i].Address = canonical(c.Listen[i].Address)
	}
	for _, svc := range c.Services {
		lower(svc.Hosts)
	}
	return d.problems
}

func lower(hosts []string) {
	for i, host := range hosts {
		hosts[i] = strings.ToLower(host)
	}
}

func (d *decoder) value(path string, raw any, dst reflect.Value) {
	var err error
	switch p := dst.Addr().Interface().(type) {
	case *string:
		*p, err = d.text(raw)
	case *int:
		*p, err = count(raw)
	case *uint32:
		*p, err = number32(raw)
	case *bool:
		*p, err = boolean(raw)
	case *time.Duration:
		*p, err = d.duration(raw)
	case *time.Time:
		*p, err = d.time(raw)
	case *fs.FileMode:
		*p, err = d.mode(raw)
	case *Secret:
		*p, err = d.secret(raw)
	case *Tree:
		*p = d.tree(path, raw)
	default:
		d.composite(path, raw, dst)
	}
	if err != nil {
		d.add(path, "%v", err)
	}
}

func (d *decoder) composite(path string, raw any, dst reflect.Value) {
	switch dst.Kind() {
	case reflect.Pointer:
		dst.Set(reflect.New(dst.Type().Elem()))
		d.value(path, raw, dst.Elem())
	case reflect.Slice:
		d.list(path, raw, dst)
	case reflect.Map:
		d.table(path, raw, dst)
	default:
		d.group(path, raw, dst)
	}
}

func (d *decoder) list(path string, raw any, dst reflect.Value) {
	entries, ok := raw.([]any)
	if !ok {
		d.add(path, "must be a list, not %s", nameOf(raw))
		return
	}
	dst.Set(reflect.MakeSlice(dst.Type(), len(entries), len(entries)))
	for i, entry := range entries {
		d.value(item(path, i), entry, dst.Index(i))
	}
}

func (d *decoder) table(path string, raw any, dst reflect.Value) {
	entries, ok := d.keys(path, raw)
	if !ok {
		return
	}
	dst.Set(reflect.MakeMapWithSize(dst.Type(), len(entries)))
	for key, entry := range entries {
		v := reflect.New(dst.Type().Elem()).Elem()
		d.value(join(path, key), entry, v)
		dst.SetMapIndex(reflect.ValueOf(key), v)
	}
}

func (d *decoder) keys(path string, raw any) (map[string]any, bool) {
	m, ok := raw.(map[string]any)
	if !ok {
		d.add(path, "must be a map, not %s", nameOf(raw))
	}
	return m, ok
}

// group decodes a struct. A listener may be its address alone, a capture its path.
func (d *decoder) group(path string, raw any, dst reflect.Value) {
	if text, ok := raw.(string); ok {
		switch p := dst.Addr().Interface().(type) {
		case *Listener:
			d.value(path, text, reflect.ValueOf(&p.Address).Elem())
			return
		case *Capture:
			d.value(path, text, reflect.ValueOf(&p.Path).Elem())
			return
		}
	}
	m, ok := d.keys(path, raw)
	if !ok {
		return
	}
	switch p := dst.Addr().Interface().(type) {
	case *Service:
		d.service(path, m, p)
	case *Fallback:
		d.fallback(path, m, p)
	default:
		d.object(path, m, dst, "")
	}
	d.source.place(dst.Addr().Interface())
}

// kindIn returns the kind of provider that m is of, empty if it does not say or if
// what it says is wrong, which is reported with the other keys.
func (d *decoder) kindIn(m map[string]any) string {
	kind, err := d.text(m["provider"])
	if err != nil {
		return ""
	}
	return kind
}

func (d *decoder) fallback(path string, m map[string]any, f *Fallback) {
	kind := d.kindIn(m)
	d.object(path, m, reflect.ValueOf(f).Elem(), kind)
	switch kind {
	case KindClientCredentials:
		f.ClientCredentials = orNew(f.ClientCredentials)
	case KindPassword:
		f.Password = orNew(f.Password)
	case KindJWTBearer:
		f.JWTBearer = orNew(f.JWTBearer)
	case KindLogin:
		f.Login = orNew(f.Login)
	}
}

func (d *decoder) service(path string, m map[string]any, svc *Service) {
	kind := d.kindIn(m)
	d.object(path, m, reflect.ValueOf(svc).Elem(), kind)
	switch kind { // a service without a key of its kind still is of that kind
	case KindClientCredentials:
		svc.ClientCredentials = orNew(svc.ClientCredentials)
	case KindRefreshToken:
		svc.RefreshToken = orNew(svc.RefreshToken)
	case KindPassword:
		svc.Password = orNew(svc.Password)
	case KindJWTBearer:
		svc.JWTBearer = orNew(svc.JWTBearer)
	case KindLogin:
		svc.Login = orNew(svc.Login)
	case KindStatic:
		svc.Static = orNew(svc.Static)
	case KindFile:
		svc.File = orNew(svc.File)
	case KindExec:
		svc.Exec = orNew(svc.Exec)
	}
}

func orNew[T any](p *T) *T {
	if p == nil {
		return new(T)
	}
	return p
}

// object decodes the keys of a struct; kind is that of the service, if it is one
// whose kind is known.
func (d *decoder) object(path string, m map[string]any, dst reflect.Value, kind string) {
	fields := schema[dst.Type()]
	for key, raw := range m {
		f, kinds := pick(fields, key, kind)
		switch {
		case f == nil && (kinds == nil || kind != ""):
			d.add(join(path, key), "%s", misplaced(dst.Type(), key, kind, kinds))
		case f != nil && raw != nil:
			d.value(join(path, key), raw, at(dst, f.index))
		}
	}
}

const misplacedOptions = "is for kinds of provider that are not built in"

// misplaced says what is wrong with a key that a struct does not have, or that
// only services of other kinds than this one have.
func misplaced(t reflect.Type, key, kind string, kinds []string) string {
	switch {
	case slices.Contains(kinds, hostKind):
		return misplacedOptions
	case kinds != nil:
		return belongsTo(anyOf(kinds), kind)
	}
	if near := nearest(key, keyNames(t)); near != "" {
		return "unknown key; did you mean " + near + "?"
	}
	return "unknown key"
}

// anyOf returns "a, b or c".
func anyOf(list []string) string {
	last := len(list) - 1
	if last < 1 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:last], ", ") + " or " + list[last]
}

func belongsTo(owners, kind string) string {
	text := "belongs to provider " + owners
	if slices.Contains(builtIn, kind) {
		return text + ", not to " + kind
	}
	if near := nearest(kind, builtIn); near != "" {
		return text + "; did you mean provider: " + near + "?"
	}
	return text + "; a host's own kind takes its keys under options"
}
