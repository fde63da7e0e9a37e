//go:build !unix

package disk

import (
	"io/fs"
	"os"
)

// owned does not fail: files there have no owner in this sense.
func owned(fs.FileInfo) error { return nil }

// ownerOf knows none.
func ownerOf(fs.FileInfo) int { return -1 }

// giveTo does nothing: what is made in a directory gets its owner from there.
func giveTo(*os.File, fs.FileInfo) error { return nil }

// giveWay closes the file: one that is open cannot be replaced, and if another
// process opens it now it is not.
func (f *file) giveWay() error { return f.Close() }
