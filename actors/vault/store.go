package vault

import (
	"context"
	"time"

	"tokend/messages"
)

// RecordVersion is the version of Record's layout.
const RecordVersion = 1

// Key names a record. Variant is empty; it leaves room for several tokens of one
// service, by scope or audience.
type Key struct{ Service, Variant string }

// Record is what is kept about one service, so that whoever takes it over goes
// on where the last one was. Times are wall-clock. It is immutable.
type Record struct {
	Version           int
	Key               Key
	Revision          uint64 // rises with every record of the key
	CredentialVersion uint64 // differs when the service's provider is configured anew
	Generation        uint64
	AccessToken       Sealed
	TokenCredential   uint64 // CredentialVersion that the access token was acquired with; 0: this record's
	State             Sealed // what the provider wants to have again
	Type              string
	ServerType        string // what the server called the type, if that is another
	Scopes            []string
	CreatedAt         time.Time
	ExpiresAt         time.Time // zero: no expiry, if there is an access token
	RefreshAt         time.Time
	WarnAt            time.Time
	StatedEnd         time.Time // ExpiresAt as the server stated it, if that is later
	FirmEnd           time.Time // the earliest end that the server ever stated of the token; zero: it stated none
	Asked             int       // attempts in the token's life, the one that brought it included; 0: unknown
	Invalidated       bool      // a caller has reported the token as refused
	Suspect           bool      // that, but it serves all the same, for want of a better one
	Repeated          bool      // the IdP hands the same token out again
	Fingerprint       string
	Failure           *messages.Failure
	Refused           Refused
	ProbeAt           time.Time // when a login that was lost is to be tried by itself; zero: it is not
	Flight            uint64    // number of the last acquisition
	ValidFrom         time.Time // when the token begins to be valid; zero: when it came
	Next              *Record   // the token that waits until it is valid, and what is about it alone; nil: none does
	AdoptAt           time.Time // of a Next: when it replaces the token before it
	Unasked           bool      // no one has needed the service yet: it was used to keep a login alive
}

// Refused is what is known about credentials that no attempt has worked with since
// they were refused.
type Refused struct {
	Tries   int   // attempts that were refused since the last one that worked
	Person  bool  // the credentials are those of a person
	Doubted bool  // an answer came that is a refusal if it comes again
	Waits   bool  // the provider has said when the next attempt is due
	Begun   int   // attempts of a person that no one knows the outcome of
	BegunAt int64 // when the last of them began, in milliseconds since 1970
	Over    bool  // the provider says that another attempt is worth nothing unless someone asks for it
}

// Store keeps records. Its methods may be called concurrently.
type Store interface {
	// Load returns the newest record kept under key, nil if there is none.
	Load(key Key) (*Record, error)
	// Save keeps rec, unless one with a higher revision is kept. It does not wait
	// for slow storage: what it was given may get lost if the process ends in the
	// next tenth of a second. A state that SaveState was given stays in place of rec's until a
	// rec comes that has it: the acquisition that brought it may not have landed.
	Save(rec *Record)
	// SaveNow is Save that has the record written at once, before anything else and
	// without waiting for it: another process may come next.
	SaveNow(rec *Record)
	// SaveState replaces the provider state in the record kept under key, and
	// returns when that will survive the end of the process as far as this store
	// lets anything survive.
	SaveState(ctx context.Context, key Key, state Sealed) error
	// Flush returns when what was saved before will survive the end of the process, as
	// far as this store lets anything survive.
	Flush(ctx context.Context) error
	// Delete forgets what is kept under key.
	Delete(key Key)
	// Each calls f with the key of every record that is kept, in no order. f may
	// call the other methods.
	Each(f func(key Key)) error
	// Watch calls f with every record that another user of what lies behind the
	// store saves from now on, as soon as that is known. Calls with records that are
	// not news are harmless. f must not wait, nor call the store. When stop has
	// returned f is not called any more.
	Watch(f func(rec *Record)) (stop func())
}
