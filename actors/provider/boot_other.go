//go:build !linux

package provider

import "time"

// sinceBoot returns nothing here: the wall clock tells of a machine that slept.
func sinceBoot() time.Duration { return 0 }
