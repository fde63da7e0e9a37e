package main

import (
	"fmt"

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
