package sink

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"
	"time"
)

var (
	errForeign     = errors.New("somebody else has put another file there: it is left alone")
	errStrangeNote = errors.New("the note beside the file is somebody else's")
	errIrregular   = errors.New("there is something at the path that is no regular file: it is left alone")
)

// file is the file of one sink. It is its worker's alone.
type file struct {
	dir, name string
	mode      fs.FileMode
	owner     owner
	checked   fs.FileInfo // the directory that is written to; nil: none was found yet
	held      held
	info      fs.FileInfo // of what is held
}

func newFile(s *Sink) *file {
	return &file{dir: filepath.Dir(s.spec.Path), name: filepath.Base(s.spec.Path), mode: s.spec.Mode, owner: s.owner, checked: s.checked}
}

// noteName returns the name of what remembers the file over a restart.
func (f *file) noteName() string { return "." + f.name + ".tokend" }

// adopt takes up what an earlier process has left: it removes its temporary files,
// and knows the file again if that was written by it.
func (f *file) adopt() error {
	return f.inDir(func(dir *os.Root) error {
		if err := f.sweep(dir); err != nil {
			return err
		}
		text, note, err := readRegular(dir, f.noteName())
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case !own(note):
			return errStrangeNote
		}
		content, info, err := readRegular(dir, f.name)
		if err != nil {
			return nil // there is none, or nothing of ours
		}
		defer clear(content)
		sum := sha256.Sum256(content)
		for _, h := range parseNote(text) {
			if h.sum == sum {
				h.misfit = info.Mode().Perm() != f.mode && runtime.GOOS != "windows" || !f.owner.has(info)
				f.held, f.info = h, info
			}
		}
		return nil
	})
}

var temporary = regexp.MustCompile(`\.tokend-[0-9a-f]{16}$`)

// sweep removes temporary files that were left behind.
func (f *file) sweep(dir *os.Root) error {
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		at := temporary.FindStringIndex(e.Name())
		if at == nil || !e.Type().IsRegular() || e.Name()[:at[0]] != "."+f.name && e.Name()[:at[0]] != "."+f.noteName() {
			continue
		}
		if err := dir.Remove(e.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// replace makes content the file's. When it fails, the file is as it was, unless it
// is only its safety from a crash of the machine that has failed.
func (f *file) replace(content []byte, h held) error {
	return f.inDir(func(dir *os.Root) error {
		if info, err := dir.Lstat(f.name); err == nil && info.IsDir() {
			return errIrregular
		}
		note := formatNote(h, f.held)
		if _, err := swap(dir, f.noteName(), note, noteMode, nobody); err != nil {
			return err
		}
		info, err := swap(dir, f.name, content, f.mode, f.owner)
		if err != nil {
			return err
		}
		f.held, f.info = h, info
		return syncDir(dir)
	})
}

// noteMode is that of the note: of a weak token, its digest is as good as itself.
const noteMode = 0o600

// swap writes a file beside the one of that name and puts it into its place. Mode and
// owner are set before anything stands in it. A link at the name is replaced.
func swap(dir *os.Root, name string, content []byte, mode fs.FileMode, o owner) (info fs.FileInfo, err error) {
	var random [8]byte
	_, _ = rand.Read(random[:]) // it never fails
	temp := "." + name + ".tokend-" + hex.EncodeToString(random[:])
	out, err := dir.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, noteMode)
	if err != nil {
		return nil, err
	}
	if info, err = fill(out, content, mode, o); err == nil {
		err = dir.Rename(temp, name)
	}
	if err != nil {
		return nil, errors.Join(err, dir.Remove(temp))
	}
	return info, nil
}

// fill writes, syncs and closes a new file.
func fill(out *os.File, content []byte, mode fs.FileMode, o owner) (info fs.FileInfo, err error) {
	defer func() { err = errors.Join(err, out.Close()) }()
	if err := o.give(out, mode); err != nil {
		return nil, err
	}
	if _, err := out.Write(content); err != nil {
		return nil, err
	}
	if err := out.Sync(); err != nil {
		return nil, err
	}
	return out.Stat()
}

// standing looks whether what is held still is at the path.
func (f *file) standing() (there, ours bool) {
	info, err := os.Lstat(filepath.Join(f.dir, f.name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, false
	case err != nil:
		return true, f.info != nil // the next writing says what is wrong
	}
	return true, f.wrote(info)
}

// wrote reports whether info is of the file that is held, as it was written.
func (f *file) wrote(info fs.FileInfo) bool {
	return f.info != nil && os.SameFile(info, f.info) && info.ModTime().Equal(f.info.ModTime()) && info.Size() == f.info.Size()
}

// discard removes what is held, and the note on it. Another file is left alone.
func (f *file) discard() error {
	err := f.inDir(func(dir *os.Root) error {
		if err := f.removeOurs(dir); err != nil {
			return err
		}
		f.held, f.info = held{}, nil // whatever becomes of the note
		err := dir.Remove(f.noteName())
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return errors.Join(err, syncDir(dir))
	})
	if errors.Is(err, fs.ErrNotExist) { // the directory: so there is no file
		err = nil
	}
	if err == nil || errors.Is(err, errForeign) {
		f.held, f.info = held{}, nil
	}
	return err
}

// removeOurs removes the file if it holds what it should. One that was given away may
// be its new owner's alone to read; it is known by not having been touched.
func (f *file) removeOurs(dir *os.Root) error {
	content, _, err := readRegular(dir, f.name)
	defer clear(content)
	if errors.Is(err, fs.ErrPermission) {
		if info, failed := dir.Lstat(f.name); failed == nil && f.wrote(info) {
			return dir.Remove(f.name)
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist): // already
		return nil
	case errors.Is(err, errIrregular):
		return errForeign
	case err != nil:
		return err
	case sha256.Sum256(content) != f.held.sum:
		return errForeign
	default:
		return dir.Remove(f.name)
	}
}

// readRegular reads a regular file, and follows no link to it.
func readRegular(dir *os.Root, name string) ([]byte, fs.FileInfo, error) {
	info, err := dir.Lstat(name)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errIrregular
	}
	in, err := dir.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = in.Close() }() // it was only read
	if opened, err := in.Stat(); err != nil || !os.SameFile(opened, info) {
		return nil, nil, errors.Join(errIrregular, err)
	}
	content, err := io.ReadAll(io.LimitReader(in, maxContent+1))
	return content, info, err
}

// formatNote returns the text that remembers files: the new one and the one before,
// which stands until the new one is in its place.
func formatNote(all ...held) []byte {
	var text []byte
	for _, h := range all {
		if h.there {
			text = fmt.Appendf(text, "%x %s\n", h.sum, h.expires.UTC().Format(time.RFC3339Nano))
		}
	}
	return text
}

// parseNote returns what formatNote has written, as far as it is that.
func parseNote(text []byte) []held {
	var all []held
	for line := range bytes.Lines(text) {
		var (
			sum []byte
			at  string
			h   = held{there: true}
		)
		if _, err := fmt.Sscanf(string(line), "%x %s", &sum, &at); err != nil || len(sum) != len(h.sum) {
			continue
		}
		expires, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			continue
		}
		copy(h.sum[:], sum)
		h.expires = expires
		all = append(all, h)
	}
	return all
}

// plain strips what names the path, which whoever logs adds.
func plain(err error) error {
	switch e, ok := errors.AsType[*fs.PathError](err); {
	case err == nil:
		return nil
	case ok:
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}
