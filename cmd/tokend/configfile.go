package main

import (
	"bytes"
	"crypto/sha256"
	"io/fs"
	"os"
	"time"

	"tokend/actors/local"
	"tokend/config"
)

// A changed configuration is found by asking, as that works on every file system and
// for every way of replacing a file, symbolic links in the middle of a path included.
const (
	configEvery = 2 * time.Second
	// configSettles is how long a new content must stay: what writes a file in pieces
	// is done by then.
	configSettles = 500 * time.Millisecond
	maxConfig     = 256 << 20 // as config.Load takes
)

// configFile tells when a file holds something else than before. The zero content is
// that of a file which cannot be read.
type configFile struct {
	path  string
	read  func(path string, limit int64) ([]byte, error)
	tried [sha256.Size]byte // content that was loaded, or refused
	blank bool              // that content is nothing
	seen  fs.FileInfo       // the file as it was when it was last found to hold that; nil: nobody knows
	found [sha256.Size]byte // another content, which has yet to prove that it stays
}

func newConfigFile(path string) configFile { return configFile{path: path, read: local.ReadFile} }

func (f *configFile) content() (sum [sha256.Size]byte, blank bool) {
	text, err := f.read(f.path, maxConfig)
	if err != nil {
		return sum, false
	}
	return sha256.Sum256(text), len(bytes.TrimSpace(text)) == 0
}

// note makes what the file holds now what it is compared with. The file is read once
// more at the next look, whatever it is then: else a change of the same size, within
// what times can tell apart, would be missed.
func (f *configFile) note() {
	f.tried, f.blank = f.content()
	f.seen = nil
}

// differs reports whether the file holds something else than what was tried last. One
// that could not be read is read again each time: that it may be does not show.
func (f *configFile) differs() bool {
	info, err := os.Stat(f.path)
	if err == nil && f.seen != nil && sameConfigFile(info, f.seen) {
		return false
	}
	f.found, _ = f.content()
	if err == nil && f.found == f.tried && f.found != [sha256.Size]byte{} {
		f.seen = info
	}
	return f.found != f.tried
}

// settled reports whether the file still holds the other content that was found.
func (f *configFile) settled() bool {
	now, _ := f.content()
	return f.found != f.tried && now == f.found
}

// usable refuses a file that holds nothing. By itself that is a configuration, but one
// without any service; and it is what a full disk leaves of a file that is written.
func (f *configFile) usable() error {
	if !f.blank {
		return nil
	}
	return &config.FieldError{Path: f.path, Message: "is empty, with which every service would go: if that is meant, let it hold services: {}"}
}

func sameConfigFile(a, b fs.FileInfo) bool {
	return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && os.SameFile(a, b)
}
