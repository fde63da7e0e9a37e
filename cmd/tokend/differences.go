package main

import (
	"reflect"
	"slices"
	"strings"

	"tokend/config"
	"tokend/system/httpapi"
)

// changedAccess tells which clients and listeners a configuration changes.
func changedAccess(before, after *config.Config) (clients, listeners *httpapi.Differences) {
	clients = differences(before.Clients, after.Clients, func(c config.Client) string { return c.Name })
	listeners = differences(endpoints(before), endpoints(after), func(e httpapi.Endpoint) string { return e.Address })
	return clients, listeners
}

// differences compares two lists by the names of what is in them; nil: there are none.
// Their order does not matter.
func differences[T any](before, after []T, name func(T) string) *httpapi.Differences {
	var d httpapi.Differences
	find := func(all []T, wanted string) int {
		return slices.IndexFunc(all, func(one T) bool { return name(one) == wanted })
	}
	for _, now := range after {
		switch i := find(before, name(now)); {
		case i < 0:
			d.Added = append(d.Added, name(now))
		case !reflect.DeepEqual(before[i], now):
			d.Changed = append(d.Changed, name(now))
		}
	}
	for _, then := range before {
		if find(after, name(then)) < 0 {
			d.Removed = append(d.Removed, name(then))
		}
	}
	if len(d.Added)+len(d.Removed)+len(d.Changed) == 0 {
		return nil
	}
	for _, names := range [][]string{d.Added, d.Removed, d.Changed} {
		slices.Sort(names)
	}
	return &d
}

// inWordsOf reports differences in one line, and leaves out what is empty.
func inWordsOf(d *httpapi.Differences) string {
	var parts []string
	for _, part := range []struct {
		word  string
		names []string
	}{{"added", d.Added}, {"removed", d.Removed}, {"changed", d.Changed}} {
		if len(part.names) > 0 {
			parts = append(parts, part.word+": "+strings.Join(part.names, ", "))
		}
	}
	return strings.Join(parts, "; ")
}
