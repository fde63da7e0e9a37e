package system

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"hash"
	"io"
	"io/fs"
	"os"
	"slices"

	"tokend/config"
)

// sum tells one content of a file from another, to whoever has the key. The zero
// sum is that of a file which cannot be read.
type sum [16]byte

// watched is a file that services refer to. All of them share it, and builds do
// as long as there is such a service.
type watched struct {
	path  string
	sum   sum         // of the content that counts; written under System.lock
	seen  fs.FileInfo // the file as it was when it was last found to hold that; nil: nobody knows
	found sum         // of another content, which has yet to prove that it stays
}

// reader is how files are looked at.
type reader struct {
	stat func(path string) (fs.FileInfo, error)
	read func(path string) (string, error)
	hash func() hash.Hash // keyed: no sum tells a secret to those who can guess it
}

// newReader returns a reader whose sums mean something in this process only.
func newReader() reader {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails, see crypto/rand
	return reader{
		stat: os.Stat, read: config.ReadFile,
		hash: func() hash.Hash { return hmac.New(sha256.New, key) },
	}
}

// sum returns that of a file's content. There is none while a file cannot be read
// or is empty: it is being replaced then, or no acquisition could use it anyway.
func (r *reader) sum(path string) (content sum, ok bool) {
	text, err := r.read(path)
	if err != nil || text == "" {
		return sum{}, false
	}
	h := r.hash()
	_, _ = io.WriteString(h, "content\x00") // a hash never fails
	_, _ = io.WriteString(h, text)
	copy(content[:], h.Sum(nil))
	return content, true
}

// differs reports whether the file holds something else than what counts. It
// reads the file only if that is not the one, by inode, size and time, in which
// the content that counts was found.
func (w *watched) differs(r *reader) bool {
	info, err := r.stat(w.path)
	if err != nil || w.seen != nil && sameFile(info, w.seen) {
		return false
	}
	content, ok := r.sum(w.path)
	switch {
	case !ok:
		return false
	case content == w.sum:
		w.seen = info
		return false
	default:
		w.found = content
		return true
	}
}

func sameFile(a, b fs.FileInfo) bool {
	return a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && os.SameFile(a, b)
}

// settled reports whether the file still holds what was found. One that is being
// written holds a part of its content for a moment.
func (w *watched) settled(r *reader) bool {
	content, ok := r.sum(w.path)
	return ok && content == w.found
}

// adopt makes what was found the content that counts. The file is read once more
// in the next round, whatever it is then: else the file of before would be missed if
// it came back, and a change of the same size within what times can tell apart.
func (w *watched) adopt() { w.sum, w.seen = w.found, nil }

// refer notes which files the services refer to. Those that a service of previous
// refers to as well are taken from it.
func (b *build) refer(services map[string]config.Service, previous *build) {
	for name, svc := range services {
		paths := svc.Files()
		if len(paths) == 0 {
			continue
		}
		b.reads[name] = paths
		for _, path := range paths {
			if b.files[path] == nil {
				b.files[path] = cmp.Or(previous.file(path), &watched{path: path})
			}
		}
	}
}

// takeStock reads the files that previous does not have: what they hold is what
// their services begin with.
func (b *build) takeStock(r *reader, previous *build) {
	for path, w := range b.files {
		if previous.file(path) == nil {
			w.sum, _ = r.sum(path)
		}
	}
}

// file returns a file of b, nil if none of its services refers to it.
func (b *build) file(path string) *watched {
	if b == nil {
		return nil
	}
	return b.files[path]
}

// contents writes to h what tells apart what a service's files hold, and reports
// whether it has any.
func (b *build) contents(name string, h hash.Hash) bool {
	for _, path := range b.reads[name] {
		_, _ = h.Write(b.files[path].sum[:]) // a hash never fails
	}
	return len(b.reads[name]) > 0
}

// readers returns the services that refer to one of the paths, in order.
func (b *build) readers(paths map[string]bool) []string {
	var names []string
	for name, files := range b.reads {
		if slices.ContainsFunc(files, func(path string) bool { return paths[path] }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
