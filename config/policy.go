package config

import "time"

// Settings are the values that may stand under defaults and in each service. A
// nil field is not set: the service's own comes first, then that of defaults,
// then what [DefaultPolicy] returns.
type Settings struct {
	Timeout          *time.Duration `key:"timeout" default:"10s"`          // bound of one acquisition without a living token
	ConnectTimeout   *time.Duration `key:"connect_timeout" default:"3s"`   // bound of connecting to the IdP
	RefreshThreshold *time.Duration `key:"refresh_threshold" default:"0s"` // how long before expiry refresh is due; 0: chosen by lifetime
	WarnBefore       *time.Duration `key:"warn_before" default:"5m"`       // how long before expiry the warning is due, at most; 0: at the last moment before it
	WarnAlways       *bool          `key:"warn_always" default:"false"`    // warn also when the token has been replaced in time
	MinTTL           *time.Duration `key:"min_ttl" default:"10s"`          // life a token must have left to be answered without a try to replace it
	DefaultTTL       *time.Duration `key:"default_ttl" default:"0s"`       // lifetime of tokens that come without one; 0: such a token is an error
	MaxTTL           *time.Duration `key:"max_ttl" default:"0s"`           // lifetime of every token, at most; 0: no such bound
	RejectedTries    *int           `key:"rejected_tries"`                 // how many attempts in a row may be refused before none comes by itself; nil: no such bound
	Reissue          *string        `key:"reissue" default:"early"`        // when the IdP hands out another token: one of the Reissue constants
	Eager            *bool          `key:"eager" default:"false"`          // acquire at start, not at first need
	Required         *bool          `key:"required" default:"true"`        // without a valid token of this service the node is not ready
}

// When an IdP hands out another token than the last one.
const (
	ReissueEarly    = "early"     // whenever it is asked, unless it shows otherwise
	ReissueAtExpiry = "at_expiry" // only once the last one has died
)

// Policy is what [Settings] come to for one service.
type Policy struct {
	Timeout          time.Duration
	ConnectTimeout   time.Duration
	RefreshThreshold time.Duration
	WarnBefore       time.Duration
	MinTTL           time.Duration
	DefaultTTL       time.Duration
	MaxTTL           time.Duration
	RejectedTries    int
	AtExpiry         bool // reissue is at_expiry
	WarnAlways       bool // beside the other two: every service has a Policy, and space between them costs
	Eager            bool
	Required         bool
}

// DefaultPolicy returns the settings of a service that sets none.
func DefaultPolicy() Policy {
	return Policy{
		Timeout:        10 * time.Second,
		ConnectTimeout: 3 * time.Second,
		WarnBefore:     5 * time.Minute,
		MinTTL:         10 * time.Second,
		Required:       true,
	}
}

// Policy returns the settings of one service, with defaults filled in.
func (c *Config) Policy(svc *Service) Policy {
	p := DefaultPolicy()
	c.Defaults.apply(&p)
	svc.Settings.apply(&p)
	return p
}

func (s *Settings) apply(p *Policy) {
	set(&p.Timeout, s.Timeout)
	set(&p.ConnectTimeout, s.ConnectTimeout)
	set(&p.RefreshThreshold, s.RefreshThreshold)
	set(&p.WarnBefore, s.WarnBefore)
	set(&p.WarnAlways, s.WarnAlways)
	set(&p.MinTTL, s.MinTTL)
	set(&p.DefaultTTL, s.DefaultTTL)
	set(&p.MaxTTL, s.MaxTTL)
	set(&p.RejectedTries, s.RejectedTries)
	if s.Reissue != nil {
		p.AtExpiry = *s.Reissue == ReissueAtExpiry
	}
	set(&p.Eager, s.Eager)
	set(&p.Required, s.Required)
}

func set[T any](dst, src *T) {
	if src != nil {
		*dst = *src
	}
}
