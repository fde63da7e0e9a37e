package config

import (
	"reflect"
	"strings"
)

// secretKeys are the keys whose value is a secret whatever the service.
var secretKeys = map[string]bool{
	"client_secret": true, "client_key": true, "refresh_token": true, "password": true, "key": true, "keys": true, "token": true,
}

// HoldsSecrets reports whether a secret stands in the configuration itself, and not where
// a reference leads to. Of the requests of a login only the fields count whose names say
// that they are one.
func (c *Config) HoldsSecrets() bool {
	return standsIn("", reflect.ValueOf(c).Elem())
}

// standsIn reports whether a secret stands in a value of that key.
func standsIn(key string, v reflect.Value) bool {
	if v.IsZero() {
		return false
	}
	switch v.Type() {
	case reflect.TypeFor[Secret]():
		return isSecretKey(key) && v.Interface().(Secret).isLiteral()
	case reflect.TypeFor[Tree](): // what a host's kind makes of its options only the host knows
		return false
	}
	switch v.Kind() {
	case reflect.Pointer:
		return standsIn(key, v.Elem())
	case reflect.Struct:
		return standsInFields(v)
	case reflect.Slice:
		for i := range v.Len() {
			if standsIn(key, v.Index(i)) {
				return true
			}
		}
	case reflect.Map:
		for _, name := range v.MapKeys() {
			if standsIn(name.String(), v.MapIndex(name)) {
				return true
			}
		}
	}
	return false
}

func standsInFields(v reflect.Value) bool {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.IsExported() && standsIn(field.Tag.Get("key"), v.Field(i)) {
			return true
		}
	}
	return false
}

func isSecretKey(key string) bool {
	key = strings.ToLower(key)
	return secretKeys[key] || strings.Contains(key, "password") || strings.Contains(key, "secret")
}

// isLiteral reports whether the text has no reference.
func (s Secret) isLiteral() bool {
	refers := false
	_, err := expand(s.ref.get().template, func(string, string) (string, error) {
		refers = true
		return "", nil
	})
	return err == nil && !refers
}
