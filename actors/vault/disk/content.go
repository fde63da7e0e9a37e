package disk

import (
	"encoding/json"
	"strings"
	"time"

	"tokend/actors/vault"
	"tokend/messages"
)

// content is the sealed part of a record.
type content struct {
	AccessToken []byte    `json:"access_token,omitempty"`
	State       []byte    `json:"state,omitempty"`
	Type        string    `json:"type,omitempty"`
	ServerType  string    `json:"server_type,omitempty"`
	Scopes      []string  `json:"scopes,omitzero"` // none is not the same as unknown
	CreatedAt   time.Time `json:"created_at,omitzero"`
	ExpiresAt   time.Time `json:"expires_at,omitzero"`
	RefreshAt   time.Time `json:"refresh_at,omitzero"`
	WarnAt      time.Time `json:"warn_at,omitzero"`
	StatedEnd   time.Time `json:"stated_end,omitzero"`
	FirmEnd     time.Time `json:"firm_end,omitzero"`
	Asked       int       `json:"asked,omitempty"`
	Repeated    bool      `json:"repeated,omitempty"`
	Invalidated bool      `json:"invalidated,omitempty"`
	Suspect     bool      `json:"suspect,omitempty"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	Failure     *failure  `json:"failure,omitempty"`
	Refused     refused   `json:"refused,omitzero"`
	ProbeAt     time.Time `json:"probe_at,omitzero"`
	Flight      uint64    `json:"flight,omitempty"`
	Unasked     bool      `json:"unasked,omitempty"`

	ValidFrom time.Time `json:"valid_from,omitzero"`
	Next      *content  `json:"next,omitempty"` // without what is not about its token
	AdoptAt   time.Time `json:"adopt_at,omitzero"`

	TokenCredential uint64 `json:"token_credential,omitempty"`
}

type failure struct {
	Class    string    `json:"class"`
	Text     string    `json:"text"`
	At       time.Time `json:"at,omitzero"`
	Attempts int       `json:"attempts"`
	NextTry  time.Time `json:"next_try,omitzero"`
}

type refused struct {
	Tries   int   `json:"tries,omitempty"`
	Person  bool  `json:"person,omitempty"`
	Doubted bool  `json:"doubted,omitempty"`
	Waits   bool  `json:"waits,omitempty"`
	Begun   int   `json:"begun,omitempty"`
	BegunAt int64 `json:"begun_at,omitempty"`
	Over    bool  `json:"over,omitempty"`
}

// wipe clears the secrets.
func (c *content) wipe() {
	clear(c.AccessToken)
	clear(c.State)
	if c.Next != nil {
		c.Next.wipe()
	}
}

// place returns where a record stands in the file.
func place(key vault.Key) []byte { return []byte(key.Service + "\x00" + key.Variant) }

func keyAt(place []byte) vault.Key {
	service, variant, _ := strings.Cut(string(place), "\x00")
	return vault.Key{Service: service, Variant: variant}
}

// unpack returns what a record in the file holds.
func (d *dataKey) unpack(key vault.Key, value []byte) (header, content, error) {
	h, text, err := d.open(key, value)
	if err != nil {
		return header{}, content{}, err
	}
	defer clear(text)
	var c content
	if err := json.Unmarshal(text, &c); err != nil {
		return header{}, content{}, errFormat
	}
	return h, c, nil
}

// pack returns a record as it lies in the file.
func (d *dataKey) pack(key vault.Key, h header, c content) ([]byte, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return d.seal(key, h, text), nil
}

// contentOf opens the boxes of a record.
func contentOf(rec *vault.Record) (header, content, error) {
	c := content{
		Type: rec.Type, ServerType: rec.ServerType, Scopes: rec.Scopes, CreatedAt: rec.CreatedAt, ExpiresAt: rec.ExpiresAt,
		RefreshAt: rec.RefreshAt, WarnAt: rec.WarnAt, Fingerprint: rec.Fingerprint, Flight: rec.Flight,
		StatedEnd: rec.StatedEnd, FirmEnd: rec.FirmEnd, Asked: rec.Asked, Repeated: rec.Repeated,
		Invalidated: rec.Invalidated, Suspect: rec.Suspect, ValidFrom: rec.ValidFrom, AdoptAt: rec.AdoptAt,
		Unasked: rec.Unasked, TokenCredential: rec.TokenCredential, Refused: refused(rec.Refused), ProbeAt: rec.ProbeAt,
	}
	if f := rec.Failure; f != nil {
		c.Failure = (*failure)(f)
	}
	var err error
	if rec.Next != nil {
		_, next, err := contentOf(rec.Next)
		if err != nil {
			return header{}, content{}, err
		}
		c.Next = &next
	}
	if c.AccessToken, err = rec.AccessToken.OpenBytes(); err != nil {
		c.wipe()
		return header{}, content{}, err
	}
	if c.State, err = rec.State.OpenBytes(); err != nil {
		c.wipe()
		return header{}, content{}, err
	}
	return header{generation: rec.Generation, credential: rec.CredentialVersion, revision: rec.Revision}, c, nil
}

// recordOf seals what a record in the file holds for this process.
func recordOf(v *vault.Vault, key vault.Key, h header, c content) *vault.Record {
	seal := func(part vault.Part, generation uint64, secret []byte) vault.Sealed {
		return v.SealBytes(vault.Label{Service: key.Service, Part: part, Generation: generation}, secret)
	}
	rec := &vault.Record{
		Version: vault.RecordVersion, Key: key, Revision: h.revision,
		CredentialVersion: h.credential, Generation: h.generation,
		AccessToken: seal(vault.AccessToken, h.generation, c.AccessToken),
		State:       seal(vault.ProviderState, c.Flight, c.State),
		Type:        c.Type, ServerType: c.ServerType, Scopes: c.Scopes, CreatedAt: c.CreatedAt, ExpiresAt: c.ExpiresAt,
		RefreshAt: c.RefreshAt, WarnAt: c.WarnAt, Fingerprint: c.Fingerprint,
		StatedEnd: c.StatedEnd, FirmEnd: c.FirmEnd, Asked: c.Asked, Repeated: c.Repeated,
		Invalidated: c.Invalidated, Suspect: c.Suspect, ValidFrom: c.ValidFrom, AdoptAt: c.AdoptAt,
		Failure: (*messages.Failure)(c.Failure), Flight: c.Flight, Unasked: c.Unasked,
		TokenCredential: c.TokenCredential, Refused: vault.Refused(c.Refused), ProbeAt: c.ProbeAt,
	}
	if c.Next != nil {
		rec.Next = recordOf(v, key, header{generation: h.generation + 1}, *c.Next)
	}
	return rec
}
