package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"tokend/system/httpapi"
)

// ownNode is a node that somebody may run beside the demo, with the demo's IdP.
type ownNode struct {
	file    string // absolute path of its configuration
	address string // where it will listen, as clients take it
}

// ownMark begins every file that dev has written, and those alone it replaces.
const ownMark = "# Written by tokend dev.\n"

const ownHead = ownMark + `# It holds for as long as that runs: the identity provider is in the same process,
# and its secrets are new with every start. The demo services that fail are left
# out.
`

// newOwnNode finds the node a place to listen at: a socket beside its configuration,
// or else a port. It is not at the address that is taken.
func newOwnNode(file, taken string) (*ownNode, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	if printable(path) != path {
		return nil, errors.New("the path has characters in it that cannot be printed")
	}
	own := &ownNode{file: path, address: "unix://" + strings.TrimSuffix(path, filepath.Ext(path)) + ".sock"}
	at := httpapi.Endpoint{Address: own.address}
	if runtime.GOOS == "windows" || at.Validate() != nil || own.address == taken {
		own.address = "http://127.0.0.1:7461"
	}
	if own.address == taken {
		own.address = "http://127.0.0.1:7462"
	}
	return own, nil
}

// write writes the configuration, for its owner only, as it has secrets in it.
// Nobody sees half of it.
func (o *ownNode) write(services []byte) error {
	if err := o.replaceable(); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(o.file), ".tokend-*")
	if err != nil {
		return err
	}
	_, err = f.Write(o.text(services))
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), o.file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// text returns the configuration. JSON's texts are YAML's, and ${ is no reference
// here.
func (o *ownNode) text(services []byte) []byte {
	text := strings.Replace(o.address, "http://", "tcp://", 1)
	address, err := json.Marshal(strings.ReplaceAll(text, "${", "$${"))
	if err != nil { // a text is always JSON
		panic(err)
	}
	return fmt.Appendf(nil, "%s\nlisten: [%s]%s", ownHead, address, services)
}

// replaceable looks whether nobody misses what is at the path now.
func (o *ownNode) replaceable() error {
	info, err := os.Lstat(o.file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", o.file)
	}
	f, err := os.Open(o.file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	head := make([]byte, len(ownMark))
	if _, err := io.ReadFull(f, head); err != nil || !bytes.Equal(head, []byte(ownMark)) {
		return fmt.Errorf("%s was not written by tokend dev and is left as it is; name another file", o.file)
	}
	return nil
}
