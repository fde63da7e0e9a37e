package access

import "time"

// The decisions.
const (
	Granted = "granted"
	Refused = "refused"
)

// Record is one decision, as the audit writes it. It holds no token, no key, and of
// a request nothing but its verb and the name of its service.
type Record struct {
	Time     time.Time `json:"time"`
	Client   string    `json:"client,omitempty"`   // whose grant allowed it, or who was refused; empty: nobody that is known
	Identity Kind      `json:"identity"`           // how the client is known
	From     string    `json:"from,omitempty"`     // address, or user, group and process at the other end of a Unix socket
	Listener string    `json:"listener,omitempty"` // name or address of the listener
	Verb     string    `json:"verb,omitempty"`     // empty: the request was for nothing that there is
	Service  string    `json:"service,omitempty"`  // empty: for none, for several, or for a name that no service can have
	Services *int      `json:"services,omitempty"` // how many of several were shown
	Decision string    `json:"decision"`           // Granted or Refused
	Code     string    `json:"code,omitempty"`     // code of the answer, if that is a problem
	Repeated uint64    `json:"repeated,omitempty"` // how many refusals the line is about that have none of their own; 0: it is about one request

	Fingerprint string `json:"fingerprint,omitempty"` // of the token that was handed out
	Generation  uint64 `json:"generation,omitempty"`
}

// Auditor takes records. It never waits.
type Auditor interface{ Audit(r Record) }
