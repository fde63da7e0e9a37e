package provider

import (
	"crypto/tls"
	"os"
	"sync"
	"time"
)

// rotating is a client certificate that is read anew when its files change.
type rotating struct {
	setting TLS

	mu   sync.Mutex
	pair *tls.Certificate
	seen [2]stamp // what the files were when pair was read
}

// stamp tells one state of a file from another.
type stamp struct {
	size     int64
	modified time.Time
	inode    os.FileInfo
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info.Size(), info.ModTime(), info}
}

func (s stamp) same(o stamp) bool {
	return s.inode != nil && o.inode != nil && s.size == o.size && s.modified.Equal(o.modified) && os.SameFile(s.inode, o.inode)
}

// newRotating reads the files. Its errors are *unready.
func newRotating(setting TLS) (*rotating, error) {
	r := &rotating{setting: setting}
	_, err := r.refresh()
	return r, err
}

// refresh reads the files if they are not what they were, and reports whether
// there is another certificate now. While they cannot be used, because one of the
// two has been replaced and the other not yet, the certificate of before stays.
func (r *rotating) refresh() (changed bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := [2]stamp{stampOf(r.setting.CertFile), stampOf(r.setting.KeyFile)}
	if now[0].same(r.seen[0]) && now[1].same(r.seen[1]) {
		return false, nil
	}
	pair, err := r.setting.pair()
	if err != nil {
		return false, err
	}
	changed = r.pair != nil && !sameChain(r.pair, &pair)
	r.pair, r.seen = &pair, now
	return changed, nil
}

func sameChain(a, b *tls.Certificate) bool {
	if len(a.Certificate) != len(b.Certificate) {
		return false
	}
	for i := range a.Certificate {
		if string(a.Certificate[i]) != string(b.Certificate[i]) {
			return false
		}
	}
	return true
}

// current is what crypto/tls asks when a server wants a certificate. It is shown
// whatever authorities the server names: a server that knows the certificate
// itself (RFC 8705, section 2.2) may name none that signed it.
func (r *rotating) current(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	_, _ = r.refresh() // the certificate of before serves, too
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pair, nil
}
