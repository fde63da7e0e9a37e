package messages

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

func TestWhereATokenBecomesAHeader(t *testing.T) {
	tests := map[string]struct {
		to     Placement
		token  string
		header string
		err    error
	}{
		"nothing said":            {Placement{}, "abc", "Authorization: Bearer abc", nil},
		"authorization":           {Placement{Header: "authorization"}, "abc", "Authorization: Bearer abc", nil},
		"authorization, alone":    {Placement{Header: "Authorization", Prefix: new("")}, "abc", "Authorization: abc", nil},
		"authorization, prefixed": {Placement{Header: "Authorization", Prefix: new("Token ")}, "abc", "Authorization: Token abc", nil},
		"another header":          {Placement{Header: "x-auth"}, "abc", "X-Auth: abc", nil},
		"another, prefixed":       {Placement{Header: "X-Auth", Prefix: new("k=")}, "abc", "X-Auth: k=abc", nil},
		"a cookie":                {Placement{Cookie: "sid"}, "abc", "Cookie: sid=abc", nil},
		"a query":                 {Placement{Query: "t"}, "abc", "", ErrDenied},
		"a cookie that ends":      {Placement{Cookie: "sid"}, "a;b", "", ErrInvalidResponse},
		"a cookie with a quote":   {Placement{Cookie: "sid"}, `a"b`, "", ErrInvalidResponse},
		"a line end":              {Placement{}, "a\r\nX: 1", "", ErrInvalidResponse},
		"a space at the end":      {Placement{Header: "X-Auth"}, "abc ", "", ErrInvalidResponse},
		"a control character":     {Placement{Header: "X-Auth"}, "a\x7f", "", ErrInvalidResponse},
		"a letter of another":     {Placement{Cookie: "sid"}, "é", "", ErrInvalidResponse},
		"no token":                {Placement{Header: "X-Auth"}, "", "", ErrInvalidResponse},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			name, value, err := tt.to.HeaderOf(Token{Service: "a", Type: "Bearer"}.WithValue(NewSecret(tt.token)))
			if !errors.Is(err, tt.err) || err == nil && name+": "+value != tt.header || err != nil && name+value != "" {
				t.Errorf("%s: %s, %v", name, value, err)
			}
			if err != nil && tt.token != "" && strings.Contains(err.Error(), tt.token) {
				t.Error("the token is in the error")
			}
		})
	}
}

func TestWhereATokenMayBeSent(t *testing.T) {
	p := Placement{Hosts: []string{"api.example", "files.example:8443", "[2001:db8::1]", "[2001:db8::2]:8443", "secure.example:443"}}
	for text, want := range map[string]bool{
		"https://api.example/":             true,
		"https://API.example:9000/x":       true,
		"https://files.example:8443/":      true,
		"https://files.example/":           false,
		"https://evil.example/api.example": false,
		"https://api.example.evil/":        false,
		"https://api.example@evil/":        false,
		"https://[2001:db8::1]/":           true,
		"https://[2001:db8::1]:9000/":      true,
		"https://[2001:db8::2]:8443/":      true,
		"https://[2001:db8::2]/":           false,
		"https://secure.example/":          true,
		"http://secure.example/":           false,
		"https://api.example./":            false,
		"https:///api.example":             false,
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Allows(u); got != want {
			t.Errorf("Allows(%s) = %v", text, got)
		}
		if !(Placement{}).Allows(u) {
			t.Errorf("where nothing is said %s is refused", text)
		}
	}
	for host, want := range map[string]bool{
		"api.example": true, "API.example": true, "files.example": true, "2001:db8::1": true, "[2001:db8::2]": true,
		"example": false, "files.example.evil": false, "files": false, "2001:db8::": false, "": false,
	} {
		if got := p.AllowsName(host); got != want {
			t.Errorf("AllowsName(%s) = %v", host, got)
		}
	}
}
