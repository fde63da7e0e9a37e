package sink

import (
	"bytes"
	"os"
	"strconv"
	"time"
)

// ticks is how many of the kernel's clock ticks make a second, for programs on every
// architecture (USER_HZ).
const ticks = 100

// startsAreTold: who cannot be told of one may not see the process.
const startsAreTold = true

// startOf returns when a process was started, if that can be told.
func startOf(pid int) (time.Time, bool) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return time.Time{}, false
	}
	const startField = 22 // counted from 1; the name, which may hold anything, is the second
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) <= startField-3 {
		return time.Time{}, false
	}
	since, err := strconv.ParseInt(string(fields[startField-3]), 10, 64)
	boot, ok := bootTime()
	return boot.Add(time.Duration(since) * (time.Second / ticks)), err == nil && ok
}

// bootTime returns when the kernel says it was booted, to the second.
func bootTime() (time.Time, bool) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return time.Time{}, false
	}
	_, rest, _ := bytes.Cut(stat, []byte("\nbtime "))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	seconds, err := strconv.ParseInt(string(line), 10, 64)
	return time.Unix(seconds, 0), err == nil
}
