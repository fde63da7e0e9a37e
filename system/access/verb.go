package access

import (
	"fmt"
	"strings"
)

// Verb is something to do with a service, or several of them.
type Verb uint8

// The verbs.
const (
	Get        Verb = 1 << iota // have its token
	Info                        // know everything but its token
	Refresh                     // have its token replaced
	Invalidate                  // declare its token bad
	Watch                       // see its events
	Metrics                     // see the metrics, which name every service
)

// Admin is every verb. Metrics are in it only where it is granted on every service.
const Admin = Get | Info | Refresh | Invalidate | Watch | Metrics

var verbs = []struct {
	name string
	verb Verb
}{
	{"get", Get},
	{"info", Info},
	{"refresh", Refresh},
	{"invalidate", Invalidate},
	{"watch", Watch},
	{"metrics", Metrics},
	{"admin", Admin},
}

// ParseVerb returns the verb of that name.
func ParseVerb(name string) (Verb, error) {
	for _, v := range verbs {
		if v.name == name {
			return v.verb, nil
		}
	}
	return 0, fmt.Errorf("there is no verb %.32q", name)
}

// String returns the verb's name, those of several separated by commas.
func (v Verb) String() string {
	var names []string
	for _, known := range verbs {
		if v == known.verb {
			return known.name
		}
		if v&known.verb != 0 && known.verb != Admin {
			names = append(names, known.name)
		}
	}
	return strings.Join(names, ",")
}
