//go:build !linux

package provider

import "time"

// sinceBoot returns nothing here: the wall clock tells of a machine that slept.
func sinceBoot() time.Duration { return 0 }

// Asleep returns nothing here, where no clock tells.
func Asleep() time.Duration { return 0 }
