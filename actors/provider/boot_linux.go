package provider

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot returns what the clock shows that goes on while the machine sleeps.
func sinceBoot() time.Duration {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return 0
	}
	return time.Duration(now.Nano())
}
