package main

import (
	"strings"
	"testing"
	"time"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/system"
)

func TestDoubtsAboutALife(t *testing.T) {
	const day = 24 * time.Hour
	for name, test := range map[string]struct {
		kind, source string
		stated       time.Duration
		doubts       []string // words of each
	}{
		"an hour":                      {"login", provider.SourceExpiresIn, time.Hour, nil},
		"30 days in seconds":           {"login", provider.SourceExpiresIn, 30 * day, nil},
		"a year in seconds":            {"login", provider.SourceExpiresIn, 365 * day, nil},
		"an hour in milliseconds":      {"login", provider.SourceExpiresIn, 3_600_000 * time.Second, []string{"expires_in is 3600000"}},
		"two hours in milliseconds":    {"client_credentials", provider.SourceExpiresIn, 7_200_000 * time.Second, []string{"2h0m0s only"}},
		"a day in milliseconds":        {"client_credentials", provider.SourceExpiresIn, 86_400_000 * time.Second, []string{"24h0m0s only"}},
		"20 minutes in milliseconds":   {"password", provider.SourceExpiresIn, 1_200_000 * time.Second, []string{"20m0s only"}},
		"just too few for that":        {"password", provider.SourceExpiresIn, 960_000 * time.Second, nil},
		"no whole minutes":             {"password", provider.SourceExpiresIn, 1_000_001 * time.Second, nil},
		"the same by a date":           {"login", provider.SourceExpiresAt, 3_600_000 * time.Second, nil},
		"400 days":                     {"login", provider.SourceJWT, 400 * day, nil},
		"more than 400 days":           {"login", provider.SourceJWT, 400*day + time.Second, []string{"max_ttl"}},
		"a static token may be old":    {config.KindStatic, provider.SourceExpiresAt, 4000 * day, nil},
		"and one in a file":            {config.KindFile, provider.SourceJWT, 4000 * day, nil},
		"10 seconds":                   {"login", provider.SourceExpiresIn, 10 * time.Second, nil},
		"less":                         {"login", provider.SourceExpiresIn, 9 * time.Second, []string{"9s only"}},
		"by default_ttl":               {"login", provider.SourceDefaultTTL, time.Hour, []string{"default_ttl alone"}},
		"by a short default_ttl":       {"login", provider.SourceDefaultTTL, time.Second, []string{"1s only", "default_ttl alone"}},
		"default_ttl is no expires_in": {"login", provider.SourceDefaultTTL, 3_600_000 * time.Second, []string{"default_ttl alone"}},
	} {
		t.Run(name, func(t *testing.T) {
			life := provider.Life{Expires: true, Length: test.stated, Stated: test.stated, Source: test.source}
			got := doubtsOfLife(test.kind, life)
			if len(got) != len(test.doubts) {
				t.Fatalf("doubts: %q", got)
			}
			for i, words := range test.doubts {
				if !strings.Contains(got[i], words) {
					t.Errorf("%q does not say %q", got[i], words)
				}
			}
		})
	}
}

func TestWhoHasDoubts(t *testing.T) {
	brief := provider.Life{Expires: true, Stated: time.Second, Notes: []provider.Note{{Key: "date", Text: "check clocks"}}}
	for name, test := range map[string]struct {
		verdict verdict
		doubts  int
	}{
		"a token":           {verdict{Attempt: &system.Attempt{Life: brief}}, 2},
		"no token":          {verdict{Attempt: &system.Attempt{Life: brief, Failure: &provider.Error{}}}, 0},
		"a skipped one":     {verdict{Attempt: &system.Attempt{Life: brief}, skipped: "why"}, 0},
		"one without end":   {verdict{Attempt: &system.Attempt{Life: provider.Life{}}}, 0},
		"and with a note":   {verdict{Attempt: &system.Attempt{Life: provider.Life{Notes: brief.Notes}}}, 1},
		"skipped and noted": {verdict{Attempt: &system.Attempt{Life: provider.Life{Notes: brief.Notes}}, skipped: "why"}, 0},
	} {
		if got := test.verdict.doubts(); len(got) != test.doubts {
			t.Errorf("%s: %q", name, got)
		}
	}
}
