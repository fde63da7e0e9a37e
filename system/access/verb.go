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
	Reload                      // have the node read its configuration anew; it has no name of its own in a grant
)

// Admin is every verb. Those about the whole node are in it only where it is granted
// on every service.
const Admin = Get | Info | Refresh | Invalidate | Watch | Metrics | Reload

// nodeWide are the verbs that are about no service.
const nodeWide = Metrics | Reload

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
	if v == Reload {
		return "reload"
	}
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
