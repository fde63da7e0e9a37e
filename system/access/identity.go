package access

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"strconv"
	"strings"
)

// Kind says how a caller is known.
type Kind string

// The kinds, the surest first.
const (
	KindKey       Kind = "key"
	KindUID       Kind = "uid"
	KindGID       Kind = "gid"
	KindSAN       Kind = "san"
	KindListener  Kind = "listener"
	KindAnonymous Kind = "none" // nobody that is known
)

// Peer is the process at the other end of a Unix socket, when it connected.
type Peer struct {
	UID, GID uint32
	PID      int // 0: unknown
}

// String names the process for the audit.
func (p Peer) String() string {
	text := "uid=" + strconv.FormatUint(uint64(p.UID), 10) + ",gid=" + strconv.FormatUint(uint64(p.GID), 10)
	if p.PID != 0 {
		text += ",pid=" + strconv.Itoa(p.PID)
	}
	return text
}

// Identity is what a connection has proved.
type Identity struct {
	Listener string   // its name
	Peer     *Peer    // nil: not a Unix socket, or the system does not tell
	Names    []string // of a verified client certificate, as [Names] returns them
}

// The forms in which a client names its certificate.
const (
	dnsName     = "dns:"
	uriName     = "uri:"
	subjectName = "subject:"
	spiffe      = "spiffe://"
)

// Names returns what a client may call a certificate, which must have been
// verified: dns:HOST in lower case, uri:URI as the certificate has it, letter by letter,
// and subject:DN in the form of RFC 2253 (subject:CN=probe,O=Acme). A SPIFFE ID is left
// out if it is not the only URI.
func Names(cert *x509.Certificate) []string {
	var names []string
	for _, host := range cert.DNSNames {
		names = append(names, dnsName+strings.ToLower(host))
	}
	uris := urisOf(cert)
	for _, text := range uris {
		if len(uris) > 1 && len(text) >= len(spiffe) && strings.EqualFold(text[:len(spiffe)], spiffe) {
			continue
		}
		names = append(names, uriName+text)
	}
	if subject := subjectOf(cert); subject != "" {
		names = append(names, subjectName+subject)
	}
	return names
}

// sanExtension is the one in which a certificate names alternatives of its subject.
var sanExtension = asn1.ObjectIdentifier{2, 5, 29, 17}

// urisOf returns the URIs of a certificate as they are written in it. What the parser has
// made of them may be another's: it knows no difference between some.
func urisOf(cert *x509.Certificate) []string {
	var uris []string
	at := slices.IndexFunc(cert.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(sanExtension) })
	if at < 0 { // it was not read from its encoded form
		for _, uri := range cert.URIs {
			uris = append(uris, uri.String())
		}
		return uris
	}
	var names []asn1.RawValue
	if rest, err := asn1.Unmarshal(cert.Extensions[at].Value, &names); err != nil || len(rest) > 0 {
		return nil
	}
	const tagURI = 6
	for _, name := range names {
		if name.Class == asn1.ClassContextSpecific && name.Tag == tagURI {
			uris = append(uris, string(name.Bytes))
		}
	}
	return uris
}

// subjectOf writes the subject in the order in which the certificate has it.
func subjectOf(cert *x509.Certificate) string {
	var rdns pkix.RDNSequence
	if rest, err := asn1.Unmarshal(cert.RawSubject, &rdns); err != nil || len(rest) > 0 {
		return ""
	}
	return rdns.String()
}

// canonicalName returns a name of a certificate as [Names] writes it; empty if it
// is none. A SPIFFE ID may stand without uri: before it.
func canonicalName(text string) string {
	if strings.HasPrefix(text, spiffe) {
		text = uriName + text
	}
	form, rest, _ := strings.Cut(text, ":")
	switch {
	case rest == "" || strings.ContainsFunc(rest, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return ""
	case form+":" == dnsName && !strings.ContainsAny(rest, "*/: "):
		return strings.ToLower(text)
	case form+":" == uriName && strings.Contains(rest, ":"), form+":" == subjectName && strings.Contains(rest, "="):
		return text
	default:
		return ""
	}
}
