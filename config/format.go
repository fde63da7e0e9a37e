package config

import (
	"github.com/knadh/koanf/v2"

	"tokend/actors/local"
)

// LogFormat returns the log.format that the layers over the file at path say, whatever
// is wrong with the rest of them; empty if none says it.
func LogFormat(path string, opts ...Option) string {
	text, err := local.ReadFile(path, maxFile)
	if err != nil {
		text = nil // the other layers may say it
	}
	o := newOptions(append([]Option{withFile(path)}, opts...))
	file, _ := parseYAML(o.file, text) // nil if it is no YAML
	l := &layers{keys: koanf.New(delimiter), outer: outer{variables: map[string]string{}}}
	section, _ := l.merge(file, o)["log"].(map[string]any)
	format, _ := section["format"].(string)
	return format
}
