package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func certificate(t *testing.T, dns []string, uris []string, subject pkix.Name) *x509.Certificate {
	t.Helper()
	raw, err := asn1.Marshal(subject.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{DNSNames: dns, RawSubject: raw}
	for _, text := range uris {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		cert.URIs = append(cert.URIs, u)
	}
	return cert
}

func TestNamesOfACertificate(t *testing.T) {
	tests := map[string]struct {
		dns, uris []string
		subject   pkix.Name
		want      []string
	}{
		"all of them": {
			[]string{"Host.Example", "b"},
			[]string{"spiffe://td/app"},
			pkix.Name{CommonName: "probe", Organization: []string{"Acme"}},
			[]string{"dns:host.example", "dns:b", "uri:spiffe://td/app", "subject:CN=probe,O=Acme"},
		},
		"two SPIFFE IDs are none":       {nil, []string{"spiffe://td/a", "spiffe://td/b"}, pkix.Name{}, nil},
		"a SPIFFE ID beside a URI":      {nil, []string{"spiffe://td/a", "https://x/"}, pkix.Name{}, []string{"uri:https://x/"}},
		"a comma is no next attribute":  {nil, nil, pkix.Name{CommonName: "probe,O=Acme"}, []string{`subject:CN=probe\,O=Acme`}},
		"a wildcard stands for itself":  {[]string{"*.example"}, nil, pkix.Name{}, []string{"dns:*.example"}},
		"nothing that anybody could be": {nil, nil, pkix.Name{}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Names(certificate(t, tt.dns, tt.uris, tt.subject)); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if got := Names(&x509.Certificate{RawSubject: []byte{1, 2}}); got != nil {
		t.Errorf("of a broken subject: %q", got)
	}
}

// encoded returns a certificate that was read from its encoded form, with these URIs,
// letter by letter.
func encoded(t *testing.T, uris ...string) *x509.Certificate {
	t.Helper()
	var names []asn1.RawValue
	for _, uri := range uris {
		names = append(names, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(uri)})
	}
	san, err := asn1.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		ExtraExtensions: []pkix.Extension{{Id: sanExtension, Value: san}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("%q: %v", uris, err)
	}
	return cert
}

// A URI is another one if any letter of it is: no one is taken for who is called nearly
// the same.
func TestURIsAreComparedAsWritten(t *testing.T) {
	p := policy(t,
		Client{Name: "app", SAN: "spiffe://td/app", Grants: grants("get", "a")},
		Client{Name: "uri", SAN: "uri:https://h/x%41", Grants: grants("get", "b")},
	)
	for name, c := range map[string]struct {
		uris []string
		want string // the services, of a and b
	}{
		"the same":                          {[]string{"spiffe://td/app"}, "a"},
		"the scheme in capitals":            {[]string{"SPIFFE://td/app"}, ""},
		"the domain in capitals":            {[]string{"spiffe://TD/app"}, ""},
		"the path in capitals":              {[]string{"spiffe://td/App"}, ""},
		"a letter that is escaped":          {[]string{"spiffe://td/%61pp"}, ""},
		"a slash at the end":                {[]string{"spiffe://td/app/"}, ""},
		"two slashes":                       {[]string{"spiffe://td//app"}, ""},
		"an empty fragment":                 {[]string{"spiffe://td/app#"}, ""},
		"an empty query":                    {[]string{"spiffe://td/app?"}, ""},
		"a user":                            {[]string{"spiffe://@td/app"}, ""},
		"an empty port":                     {[]string{"spiffe://td:/app"}, ""},
		"dots":                              {[]string{"spiffe://td/x/../app"}, ""},
		"an escaped letter, as it was said": {[]string{"https://h/x%41"}, "b"},
		"the letter instead":                {[]string{"https://h/xA"}, ""},
		"escaped in other case":             {[]string{"https://h/x%4A"}, ""},
		"two IDs, one in capitals":          {[]string{"spiffe://td/app", "SPIFFE://td/b"}, ""},
		"an ID twice":                       {[]string{"spiffe://td/app", "spiffe://td/app"}, ""},
		"an ID beside a URI":                {[]string{"spiffe://td/app", "https://h/x%41"}, "b"},
	} {
		t.Run(name, func(t *testing.T) {
			caller := p.Match(Identity{Names: Names(encoded(t, c.uris...))}).Caller()
			var got strings.Builder
			for _, service := range []string{"a", "b"} {
				if caller.May(Get, service) {
					got.WriteString(service)
				}
			}
			if got.String() != c.want {
				t.Errorf("it may get %q, want %q", got.String(), c.want)
			}
		})
	}
}

func TestCertificatesAreKnownByTheirWholeName(t *testing.T) {
	p := policy(t,
		Client{Name: "host", SAN: "dns:Host.example", Grants: grants("get", "a")},
		Client{Name: "app", SAN: "spiffe://td/app", Grants: grants("get", "b")},
		Client{Name: "probe", SAN: "subject:CN=probe,O=Acme", Grants: grants("get", "c")},
	)
	tests := map[string]struct {
		names []string
		want  string // the services, of a, b and c
	}{
		"by DNS name":             {[]string{"dns:host.example"}, "a"},
		"by SPIFFE ID":            {[]string{"uri:spiffe://td/app"}, "b"},
		"by subject":              {[]string{"subject:CN=probe,O=Acme"}, "c"},
		"by all of them":          {[]string{"dns:host.example", "uri:spiffe://td/app", "subject:CN=probe,O=Acme"}, "abc"},
		"a subdomain":             {[]string{"dns:x.host.example"}, ""},
		"a wildcard":              {[]string{"dns:*.example"}, ""},
		"a SPIFFE ID below":       {[]string{"uri:spiffe://td/app/x"}, ""},
		"a part of the subject":   {[]string{"subject:CN=probe"}, ""},
		"a DNS name like a URI":   {[]string{"dns:spiffe://td/app"}, ""},
		"a subject in other case": {[]string{"subject:CN=Probe,O=Acme"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, got := p.Match(Identity{Names: tt.names}).Caller(), ""
			for _, service := range []string{"a", "b", "c"} {
				if c.May(Get, service) {
					got += service
				}
			}
			if got != tt.want {
				t.Errorf("may have %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPeersAreNamed(t *testing.T) {
	for want, p := range map[string]Peer{
		"uid=1,gid=2,pid=3":       {UID: 1, GID: 2, PID: 3},
		"uid=4294967295,gid=0":    {UID: 4294967295},
		"uid=0,gid=0,pid=1234567": {PID: 1234567},
	} {
		if p.String() != want {
			t.Errorf("%q, want %q", p, want)
		}
	}
}
