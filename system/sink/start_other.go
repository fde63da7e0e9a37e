//go:build !linux

package sink

import "time"

const startsAreTold = false

// startOf tells nothing: only Linux is asked.
func startOf(int) (time.Time, bool) { return time.Time{}, false }
