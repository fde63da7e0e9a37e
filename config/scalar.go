package config

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"time"
)

// text returns a text with its references resolved.
func (d *decoder) text(raw any) (string, error) {
	s, ok := raw.(string)
	if !ok {
		return "", notText(raw)
	}
	return d.source.expand(s)
}

func notText(raw any) error {
	switch raw.(type) {
	case number, bool:
		return fmt.Errorf("must be a text, not %s: put it in quotes", nameOf(raw))
	default:
		return fmt.Errorf("must be a text, not %s", nameOf(raw))
	}
}

// secret returns a text with its references as they are.
func (d *decoder) secret(raw any) (Secret, error) {
	s, ok := raw.(string)
	if !ok {
		return Secret{}, notText(raw)
	}
	return newSecret(s, d.source), nil
}

func boolean(raw any) (bool, error) {
	b, ok := raw.(bool)
	if !ok {
		return false, fmt.Errorf("must be true or false, not %s", nameOf(raw))
	}
	return b, nil
}

var errCount = errors.New("must be a whole number, at least 1")

// count returns a number of things. None of ours may be zero, which stands for
// the default in a Config.
func count(raw any) (int, error) {
	text, ok := raw.(number)
	if !ok {
		return 0, fmt.Errorf("must be a number, not %s", nameOf(raw))
	}
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 1 || text[0] == '0' || text[0] == '+' {
		return 0, errCount
	}
	return n, nil
}

// number32 returns the number of a user or a group, which may be 0.
func number32(raw any) (uint32, error) {
	text, ok := raw.(number)
	if !ok {
		return 0, fmt.Errorf("must be a number, not %s", nameOf(raw))
	}
	n, err := strconv.ParseUint(string(text), 10, 32)
	if err != nil || strconv.FormatUint(n, 10) != string(text) || n == math.MaxUint32 {
		return 0, errors.New("must be the number of a user or a group")
	}
	return uint32(n), nil
}

func (d *decoder) duration(raw any) (time.Duration, error) {
	if n, ok := raw.(number); ok {
		return 0, fmt.Errorf("a duration needs a unit: write %.20ss for seconds", n)
	}
	text, err := d.text(raw)
	if err != nil {
		return 0, err
	}
	v, err := time.ParseDuration(text)
	if err != nil || text == "0" {
		return 0, errors.New("must be a duration with a unit, such as 30s, 5m or 1h30m")
	}
	return v, nil
}

func (d *decoder) time(raw any) (time.Time, error) {
	text, err := d.text(raw)
	if err != nil || text == "" {
		return time.Time{}, err
	}
	v, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, errors.New("must be a time as in RFC 3339, such as 2030-12-31T23:59:59Z")
	}
	return v.UTC(), nil
}

// mode returns permission bits. A number has to show by a leading zero that it
// is octal: 600 most likely means 0600, which is not what it says.
func (d *decoder) mode(raw any) (fs.FileMode, error) {
	n, isNumber := raw.(number)
	text, err := string(n), error(nil)
	if !isNumber {
		text, err = d.text(raw)
	}
	if err != nil {
		return 0, err
	}
	digits, octal := strings.CutPrefix(text, "0")
	bits, err := strconv.ParseUint(strings.TrimPrefix(digits, "o"), 8, 32)
	if err != nil || isNumber && !octal || bits == 0 || bits > uint64(fs.ModePerm) {
		return 0, errors.New(`must be octal permissions, such as "0660"`)
	}
	return fs.FileMode(bits), nil
}

// tree returns any value with the references in its texts as they are.
func (d *decoder) tree(path string, raw any) Tree {
	return newTree(d.plain(path, raw), d.source)
}

// plain replaces the numbers in a value by what Go calculates with.
func (d *decoder) plain(path string, raw any) any {
	switch v := raw.(type) {
	case map[string]any:
		for key := range v {
			v[key] = d.plain(join(path, key), v[key])
		}
	case []any:
		for i := range v {
			v[i] = d.plain(item(path, i), v[i])
		}
	case number:
		n, err := calculable(string(v))
		if err != nil {
			d.add(path, "%v", err)
		}
		return n
	}
	return raw
}

// calculable returns the int, uint64 or float64 that a YAML number stands for.
func calculable(text string) (any, error) {
	text = strings.ReplaceAll(text, "_", "")
	if n, err := strconv.ParseInt(text, 0, 0); err == nil {
		return int(n), nil
	}
	if n, err := strconv.ParseUint(text, 0, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) || !strings.ContainsAny(text, ".eE") {
		return nil, errors.New("is a number that JSON or this program cannot hold exactly: put it in quotes if it is a text")
	}
	return f, nil
}

// nameOf says what a value is, without its content.
func nameOf(raw any) string {
	switch raw.(type) {
	case nil:
		return "nothing"
	case string:
		return "a text"
	case bool:
		return "true or false"
	case number:
		return "a number"
	case []any:
		return "a list"
	default:
		return "a map"
	}
}
