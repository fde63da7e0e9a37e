package provider

import (
	"crypto/sha256"
	"net/http"
	"os"
	"sync"
	"time"
)

// pool is the connections of one TLS setting. Those that were made with files
// which have been replaced since serve the requests that have them and nobody
// else: what a connection showed or trusted once holds for as long as it is kept.
type pool struct {
	setting TLS

	mu     sync.Mutex // held while files are read: a disk that hangs concerns one setting
	client *http.Client
	seen   [3]stamp // what the files were when they were read
	sum    [sha256.Size]byte
}

// stamp tells one state of a file from another.
type stamp struct {
	size     int64
	modified time.Time
	inode    os.FileInfo
}

func stampOf(path string) stamp {
	if path == "" {
		return stamp{}
	}
	info, err := os.Stat(path)
	if err != nil {
		return stamp{size: -1}
	}
	return stamp{info.Size(), info.ModTime(), info}
}

// same reports whether nothing has changed. A file that is not there may be
// another one at any time.
func (s stamp) same(o stamp) bool {
	if s.inode == nil || o.inode == nil {
		return s == o && s.size == 0
	}
	return s.size == o.size && s.modified.Equal(o.modified) && os.SameFile(s.inode, o.inode)
}

func (s TLS) stamps() [3]stamp {
	return [3]stamp{stampOf(s.CAFile), stampOf(s.CertFile), stampOf(s.KeyFile)}
}

func unchanged(a, b [3]stamp) bool {
	return a[0].same(b[0]) && a[1].same(b[1]) && a[2].same(b[2])
}

// current returns the client that uses the files as they are now. While they
// cannot be used, because one of them has been replaced and the other not yet, it
// is the one of before. Its error is *unready.
func (p *pool) current(t *Transports) (*http.Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.setting.stamps()
	if p.client != nil && unchanged(now, p.seen) {
		return p.client, nil
	}
	files, err := p.setting.read()
	if err == nil && (p.client == nil || files.sum != p.sum) {
		err = p.renew(t, files)
	}
	if err != nil && p.client == nil {
		return nil, err
	}
	if err == nil {
		p.seen = now
	}
	return p.client, nil
}

// renew has all requests from now on use files.
func (p *pool) renew(t *Transports, files *tlsFiles) error {
	config, err := files.config(p.setting.ServerName)
	if err != nil {
		return err
	}
	before := p.client
	p.client, p.sum = t.client(config), files.sum
	if before != nil {
		before.CloseIdleConnections()
	}
	return nil
}

// close closes connections that no request uses.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.client != nil {
		p.client.CloseIdleConnections()
	}
}

// closeSoon is close, but for a pool whose files are being read: that may take as long
// as it likes. Idle connections end by themselves then, see idleTimeout.
func (p *pool) closeSoon() {
	if !p.mu.TryLock() {
		return
	}
	defer p.mu.Unlock()
	if p.client != nil {
		p.client.CloseIdleConnections()
	}
}
