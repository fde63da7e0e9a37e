package main

import (
	"strings"
	"time"

	"tokend/messages"
	"tokend/system/httpapi"
)

// What a bar is drawn of.
const (
	cellPast    = '·'
	cellLeft    = '━'
	cellRefresh = 'R' // where the token is renewed
	cellWarn    = 'W' // where a warning is due
)

// bar draws a token's life in so many cells, from its birth to its death: what is
// over, what is left, and the two points in it. It is empty without such a life.
func bar(info httpapi.TokenInfo, now time.Time, cells int) string {
	life := info.ExpiresAt.Sub(info.CreatedAt)
	if info.CreatedAt.IsZero() || info.ExpiresAt.IsZero() || life <= 0 {
		return ""
	}
	drawn := []rune(strings.Repeat(string(cellLeft), cells))
	for i := range min(cells, part(now.Sub(info.CreatedAt), life, cells)) {
		drawn[i] = cellPast
	}
	for _, point := range []struct {
		at   time.Time
		cell rune
	}{{info.RefreshAt, cellRefresh}, {info.WarnAt, cellWarn}} {
		if !point.at.IsZero() {
			drawn[min(cells-1, part(point.at.Sub(info.CreatedAt), life, cells))] = point.cell
		}
	}
	return string(drawn)
}

// part returns how many of the cells that stand for whole are over, at most all.
func part(over, whole time.Duration, cells int) int {
	share := float64(over) / float64(whole)
	return int(min(max(share, 0), 1) * float64(cells))
}

// inWords says what a state means.
func inWords(state string) string {
	switch state {
	case messages.StateFresh:
		return "valid"
	case messages.StateDue:
		return "valid, and about to be renewed"
	case messages.StateDegraded:
		return "valid, but the last attempt to renew it failed"
	case messages.StateEmpty:
		return "none acquired yet"
	case messages.StateExpired:
		return "died before a new one came"
	default:
		return ""
	}
}
