//go:build !unix

package audit

import "io/fs"

const noFollow = 0

// owned refuses nothing: files there have no owner in this sense.
func owned(string, fs.FileInfo) error { return nil }
