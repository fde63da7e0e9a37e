package main

import (
	"fmt"
	"strings"

	"tokend/config"
)

// remarks says what a check and a start tell of a configuration that works.
func remarks(cfg *config.Config) []string {
	var found []string
	for _, path := range cfg.Marked() {
		found = append(found, fmt.Sprintf("%s begins with a byte order mark: it is left out of the secret; save the file without one", path))
	}
	return found
}

// sharedLogins says which services live on one login. At a start the node says so
// itself, and so it does for a program that embeds it.
func sharedLogins(cfg *config.Config) (found []string) {
	for _, names := range cfg.SharedLogins() {
		found = append(found, "services "+strings.Join(names, ", ")+" live on one refresh token: when the server replaces it, all but one of them are stopped; give each a login of its own")
	}
	return found
}
