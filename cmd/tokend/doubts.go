package main

import (
	"fmt"
	"time"

	"tokend/actors/provider"
	"tokend/config"
)

// Lifetimes outside of these are rare, and mostly a mistake.
const (
	shortLife = 10 * time.Second
	longLife  = 400 * 24 * time.Hour
)

// doubts says what looks wrong about a token that was acquired, though it may be
// right.
func (v verdict) doubts() []string {
	if v.result() != acquired {
		return nil
	}
	var doubts []string
	for _, note := range v.Life.Notes {
		doubts = append(doubts, note.Text)
	}
	return append(doubts, doubtsOfLife(v.Provider, v.Life)...)
}

func doubtsOfLife(kind string, life provider.Life) []string {
	if !life.Expires {
		return nil
	}
	var doubts []string
	local := kind == config.KindStatic || kind == config.KindFile
	switch {
	case life.Source == provider.SourceExpiresIn && milliseconds(life.Stated):
		doubts = append(doubts, fmt.Sprintf(
			"expires_in is %d: if that counts milliseconds, the token lives for %s only",
			int64(life.Stated.Seconds()), brief(life.Stated/1000)))
	case life.Stated > longLife && !local:
		doubts = append(doubts, fmt.Sprintf("the token lives for more than 400 days (%s): if that is a mistake of the server, set max_ttl", brief(life.Stated)))
	case life.Stated < shortLife:
		doubts = append(doubts, fmt.Sprintf("the token lives for %s only: compare that with the documentation of the server", brief(life.Stated)))
	}
	if life.Source == provider.SourceDefaultTTL {
		doubts = append(doubts, "no part of the answer states how long the token lives: default_ttl alone does, so it must not be longer than the token lives")
	}
	return doubts
}

// milliseconds reports whether a lifetime that came in seconds was most likely meant
// in milliseconds: so many are more than 11 days, and whole minutes in milliseconds.
func milliseconds(stated time.Duration) bool {
	const least, minute = 1_000_000, 60_000
	seconds := stated / time.Second
	return stated%time.Second == 0 && seconds >= least && seconds%minute == 0
}
