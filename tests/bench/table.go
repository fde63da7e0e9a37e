package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// row is one line of the table.
type row struct {
	name, ours, theirs, ratio, bound string
	broken                           bool
}

// hold reports whether no bound is broken.
func hold(rows []row) bool {
	for _, r := range rows {
		if r.broken {
			return false
		}
	}
	return true
}

// printTable prints rows. What has no bound is neither ok nor broken.
func printTable(w io.Writer, rows []row) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintln(t, "name\tours\ttheirs\tratio\tbound\tok")
	for _, r := range rows {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", r.name, r.ours, dash(r.theirs), dash(r.ratio), dash(r.bound), r.verdict())
	}
	return t.Flush()
}

func (r row) verdict() string {
	switch {
	case r.bound == "":
		return "-"
	case r.broken:
		return "BROKEN"
	default:
		return "ok"
	}
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// within returns the row of something that may take that long at most.
func within(name string, took, limit time.Duration) row {
	return row{
		name: name, ours: took.Round(time.Microsecond).String(), bound: "<= " + limit.String(), broken: took > limit,
	}
}

// nanoseconds shows what one operation takes.
func nanoseconds(ns float64) string {
	if ns < 100 {
		return fmt.Sprintf("%.1f ns", ns)
	}
	return fmt.Sprintf("%.0f ns", ns)
}
