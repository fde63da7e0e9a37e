package sink

import (
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"tokend/messages"
)

// The formats of files.
const (
	FormatToken    = "token"    // the access token and nothing else, no newline either
	FormatHeader   = "header"   // a line with the header that carries the token
	FormatJSON     = "json"     // a JSON object
	FormatEnv      = "env"      // assignments as a shell reads them
	FormatTemplate = "template" // what Spec.Template says
)

// Spec says what one file holds. It is not changed after [New].
type Spec struct {
	Service      string             // whose token it is
	Path         string             // absolute
	Format       string             // one of the Format constants
	Placement    messages.Placement // which header FormatHeader writes
	Name         string             // of the variable with FormatEnv; empty: TOKEN_ and the service's name in capitals
	Template     string             // text with FormatTemplate; may be secret
	Mode         fs.FileMode        // permissions
	Owner        string             // USER, USER:GROUP or :GROUP, names or numbers; empty: the process's own
	KeepExpired  bool               // a file whose token has died stays
	RemoveOnStop bool               // the file goes when the Keeper is stopped
	Hook         *Hook              // what happens after a change; nil: nothing

	TrustDirectory bool // everyone who can change the directory is trusted
}

// Hook is what happens after a file has changed: Exec or the signal.
type Hook struct {
	Exec    []string // program by absolute path, and its arguments; no shell is between
	Timeout time.Duration
	PIDFile string // file that names the process that gets Signal
	Signal  string // such as HUP
}

// KeyError is a mistake in one key of a sink. It holds nothing secret.
type KeyError struct{ Key, Problem string }

// Error returns "KEY: PROBLEM".
func (e *KeyError) Error() string { return e.Key + ": " + e.Problem }

// Sink is a [Spec] that was found good. It is immutable once it is kept.
type Sink struct {
	spec     Spec
	render   renderer
	services []string // whose tokens it holds, sorted
	owner    owner
	checked  fs.FileInfo // the directory that Place has found; nil: it has not looked
	exposed  error       // who else can change it; nil: no one
}

// New checks spec and makes a Sink of it; known reports whether there is a service
// of that name. The error is a [*KeyError].
func New(spec Spec, known func(service string) bool) (*Sink, error) {
	if !filepath.IsAbs(spec.Path) {
		return nil, &KeyError{"path", "must be absolute"}
	}
	s := &Sink{spec: spec, services: []string{spec.Service}}
	var err error
	if s.owner, err = parseOwner(spec.Owner); err != nil {
		return nil, &KeyError{"owner", err.Error()}
	}
	if err := spec.Hook.check(); err != nil {
		return nil, err
	}
	if spec.Format != FormatTemplate {
		s.render = rendererOf(&spec)
		return s, nil
	}
	t, err := parseTemplate(spec.Template, spec.Service)
	if err != nil {
		return nil, &KeyError{"template", err.Error()}
	}
	for _, name := range t.services {
		if !known(name) {
			return nil, &KeyError{"template", "uses a service that there is not: " + shown(name)}
		}
	}
	s.render, s.services = t.render, t.services
	return s, nil
}

// check says what of a hook this platform cannot do.
func (h *Hook) check() error {
	if h == nil || h.Signal == "" {
		return nil
	}
	if _, ok := signals[h.Signal]; !ok {
		return &KeyError{"on_change.signal.signal", "is no signal that can be sent on this platform"}
	}
	return nil
}

// Service returns the service that the sink is configured at.
func (s *Sink) Service() string { return s.spec.Service }

// Path returns where the file is.
func (s *Sink) Path() string { return s.spec.Path }

// Services returns the services whose tokens the file holds, sorted.
func (s *Sink) Services() []string { return slices.Clone(s.services) }

// Same reports whether two sinks are configured alike.
func (s *Sink) Same(o *Sink) bool {
	return s != nil && o != nil && s.owner == o.owner && reflect.DeepEqual(s.spec, o.spec)
}
