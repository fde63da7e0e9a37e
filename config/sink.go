package config

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode"

	"tokend/actors/local"
	"tokend/messages"
)

// Sink is a file that holds a service's token, for programs that can only read a file.
// In YAML, relative paths start at the directory of the configuration file.
type Sink struct {
	Path         string      `key:"path"`                          // the file; its directory must exist; required
	Format       string      `key:"format" default:"token"`        // one of the Sink constants; empty: SinkToken
	Name         string      `key:"name"`                          // of the variable of SinkEnv; empty: TOKEN_ and the service's name in capitals
	Template     Secret      `key:"template"`                      // text of SinkTemplate; resolved when a system is made of the configuration
	TemplateFile string      `key:"template_file"`                 // file that holds it instead, without references; read at the same time
	Mode         fs.FileMode `key:"mode" default:"0600"`           // permissions; 0: 0600
	Owner        string      `key:"owner"`                         // USER, USER:GROUP or :GROUP, by name or number; empty: the process's own
	WhenExpired  string      `key:"when_expired" default:"remove"` // what becomes of the file when its token dies: remove or keep; empty: remove
	OnStop       string      `key:"on_stop" default:"keep"`        // what becomes of it when the system stops: remove or keep; empty: keep
	OnChange     *OnChange   `key:"on_change"`                     // what happens after the file was written; nil: nothing

	TrustDirectory bool `key:"trust_directory"` // everyone who can change the directory of the file is trusted; false: it must not be everyone
}

// The formats of a [Sink].
const (
	SinkToken    = "token"    // the access token and nothing else
	SinkHeader   = "header"   // a line with the header that carries the token, see [Inject]
	SinkJSON     = "json"     // a JSON object
	SinkEnv      = "env"      // an assignment for a shell
	SinkTemplate = "template" // Template
)

// OnChange is what happens after the file of a [Sink] was written. Exactly one of Exec
// and Signal is set.
type OnChange struct {
	Exec    []string      `key:"exec"`                  // program by absolute path, and its arguments; no shell is between
	Timeout time.Duration `key:"timeout" default:"10s"` // bound of Exec; 0: 10 s
	Signal  *Signal       `key:"signal"`
}

// Signal says which process is told, and how.
type Signal struct {
	PIDFile string `key:"pid_file"`             // file that holds the number of the process; required
	Signal  string `key:"signal" default:"HUP"` // HUP, INT, TERM, USR1 or USR2; empty: HUP
}

// DefaultHookTimeout is the bound of an [OnChange.Exec] that sets none.
const DefaultHookTimeout = 10 * time.Second

const (
	mostSinks       = 16  // of one service
	longestSinkName = 200 // bytes of a file's name: temporary ones beside it are longer
	mostArguments   = 64
)

var sinkVariable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

func (v *checker) sinks(path string, s *Service) {
	if s.Sinks == nil {
		return
	}
	if len(*s.Sinks) > mostSinks {
		v.add(path, "must be at most %d", mostSinks)
	}
	for i := range *s.Sinks {
		v.sink(item(path, i), &(*s.Sinks)[i])
		if (*s.Sinks)[i].Format == SinkHeader && s.Inject != nil && s.Inject.Query != "" {
			v.add(join(item(path, i), "format"), "header cannot express inject.query: no header carries a query parameter; use format token or template, or inject.header")
		}
	}
}

func (v *checker) sink(path string, s *Sink) {
	v.sinkFile(join(path, "path"), s.Path)
	v.oneOf(join(path, "format"), s.Format, SinkToken, SinkHeader, SinkJSON, SinkEnv, SinkTemplate)
	v.oneOf(join(path, "when_expired"), s.WhenExpired, "remove", "keep")
	v.oneOf(join(path, "on_stop"), s.OnStop, "remove", "keep")
	switch {
	case s.Name != "" && s.Format != SinkEnv:
		v.add(join(path, "name"), "belongs to format env")
	case s.Name != "" && !sinkVariable.MatchString(s.Name):
		v.add(join(path, "name"), "must be the name of a variable: letters, digits and underscores, the first no digit")
	}
	switch mode := s.Mode; {
	case mode&^fs.ModePerm != 0:
		v.add(join(path, "mode"), "must be permission bits only")
	case mode&0o002 != 0:
		v.add(join(path, "mode"), "must not let everybody write: they could put another token there")
	case mode != 0 && mode&0o400 == 0:
		v.add(join(path, "mode"), "must let the owner read")
	}
	if len(s.Owner) > maxLabel || strings.ContainsFunc(s.Owner, unicode.IsControl) || s.Owner == ":" || strings.Count(s.Owner, ":") > 1 {
		v.add(join(path, "owner"), "must be USER, USER:GROUP or :GROUP")
	}
	v.sinkTemplate(path, s)
	v.onChange(join(path, "on_change"), s.OnChange)
}

func (v *checker) sinkFile(at, path string) {
	switch {
	case path == "":
		v.add(at, required)
	case strings.ContainsFunc(path, unicode.IsControl):
		v.add(at, "must not hold control characters")
	case strings.HasSuffix(path, string(filepath.Separator)) || filepath.Base(path) == "." || filepath.Base(path) == "..":
		v.add(at, "must be the path of a file")
	case len(filepath.Base(path)) > longestSinkName:
		v.add(at, "the name of the file may have %d bytes", longestSinkName)
	}
}

func (v *checker) sinkTemplate(path string, s *Sink) {
	set := !s.Template.IsZero() || s.TemplateFile != ""
	switch {
	case s.Format == SinkTemplate && !exactlyOne(!s.Template.IsZero(), s.TemplateFile != ""):
		v.add(path, "must have one of template and template_file, for its format is template")
	case s.Format != SinkTemplate && set:
		v.add(path, "template and template_file belong to format template")
	default:
		v.resolve(join(path, "template"), s.Template)
		v.read(join(path, "template_file"), s.TemplateFile)
	}
}

func (v *checker) onChange(path string, o *OnChange) {
	if o == nil {
		return
	}
	if !exactlyOne(len(o.Exec) > 0, o.Signal != nil) {
		v.add(path, "must have exactly one of exec and signal")
	}
	v.hookCommand(path, o)
	if o.Signal == nil {
		return
	}
	if o.Signal.PIDFile == "" {
		v.add(join(path, "signal.pid_file"), required)
	}
	v.oneOf(join(path, "signal.signal"), o.Signal.Signal, "HUP", "INT", "TERM", "USR1", "USR2")
}

func (v *checker) hookCommand(path string, o *OnChange) {
	switch {
	case len(o.Exec) > 0 && !filepath.IsAbs(o.Exec[0]):
		v.add(item(join(path, "exec"), 0), "must be the absolute path of a program; there is no shell")
	case len(o.Exec) > mostArguments:
		v.add(join(path, "exec"), "must be at most %d", mostArguments)
	}
	for i, arg := range o.Exec {
		if strings.Contains(arg, "\x00") {
			v.add(item(join(path, "exec"), i), "must not hold a NUL")
		}
	}
	switch {
	case o.Timeout < 0 || o.Timeout > longestTimeout:
		v.add(join(path, "timeout"), "must be longer than 0s and at most 5m")
	case o.Timeout != 0 && len(o.Exec) == 0:
		v.add(join(path, "timeout"), "belongs to exec")
	}
}

// TemplateText returns the text of the sink's template, its references resolved now;
// nothing if it has none. It counts as secret. The error is a [*FieldError].
func (s *Sink) TemplateText() (messages.Secret, error) {
	if s.TemplateFile != "" {
		text, err := local.ReadFile(s.TemplateFile, maxText)
		if err != nil {
			return messages.Secret{}, &FieldError{Path: "template_file", Message: err.Error()}
		}
		return messages.NewSecret(string(text)), nil
	}
	text, err := s.Template.Resolve()
	if err != nil {
		return messages.Secret{}, &FieldError{Path: "template", Message: err.Error()}
	}
	return text, nil
}
