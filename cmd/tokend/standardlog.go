package main

import (
	"bytes"
	"io"
)

// withoutQuotes writes lines for the standard library, which has a log of its own
// for what it cannot return: of a line, what comes before the first thing that it
// quotes. net/http quotes what a server sends on a connection that nobody is
// waiting at, and that may be the rest of an answer with a token in it.
type withoutQuotes struct{ w io.Writer }

// Write writes one line.
func (l withoutQuotes) Write(line []byte) (int, error) {
	said := line
	if before, _, ok := bytes.Cut(line, []byte{'"'}); ok {
		said = append(bytes.Clone(before), "[withheld]\n"...)
	}
	if _, err := l.w.Write(said); err != nil {
		return 0, err
	}
	return len(line), nil
}
