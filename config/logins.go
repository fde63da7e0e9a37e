package config

import (
	"crypto/sha256"
	"maps"
	"slices"
)

// SharedLogins returns the services that are configured to live on one login: with the
// same refresh token, of the same client, at the same token endpoint. Where the server
// replaces a refresh token when it is used, all but one of them lose it. Each group and
// the groups are sorted.
func (c *Config) SharedLogins() [][]string {
	groups := map[[sha256.Size]byte][]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Services)) {
		s := c.Services[name]
		if r := s.RefreshToken; s.Provider == KindRefreshToken && r != nil && !r.RefreshToken.IsZero() {
			login := r.login()
			groups[login] = append(groups[login], name)
		}
	}
	var shared [][]string
	for _, names := range groups {
		if len(names) > 1 {
			shared = append(shared, names)
		}
	}
	slices.SortFunc(shared, slices.Compare)
	return shared
}

// login returns what is the same for services that live on the same login. A refresh
// token that cannot be read now is known by the file that it is to come from.
func (r *RefreshToken) login() [sha256.Size]byte {
	text, err := r.RefreshToken.Resolve()
	token := "text\x00" + text.Reveal()
	if err != nil {
		token = "file\x00" + r.RefreshToken.File()
	}
	endpoint := "url\x00" + r.TokenURL
	if r.TokenURL == "" {
		endpoint = "issuer\x00" + r.Issuer
	}
	return sha256.Sum256([]byte(endpoint + "\x00" + r.ClientID + "\x00" + token))
}
