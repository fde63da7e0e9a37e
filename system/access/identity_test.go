package access

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/url"
	"slices"
	"testing"
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
