package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path"
	"strconv"
	"strings"
	"syscall"
	"unicode"
)

// Endpoint is where a door is opened.
type Endpoint struct {
	Address string      // unix:///absolute/path or tcp://127.0.0.1:7460
	Mode    fs.FileMode // permission bits of a Unix socket; 0: 0600
	Group   string      // name or number of a Unix socket's group; empty: the process's own
	Name    string      // how clients and the audit call it; empty: by its address
	TLS     *TLSFiles   // of a port; nil: without TLS, which only loopback may be

	// TrustDirectory says that everyone who can change the directory of a Unix socket is
	// trusted. Otherwise there must be no one but root and the user of this process.
	TrustDirectory bool
}

// CalledBy returns the name, or the address of one that has none.
func (e Endpoint) CalledBy() string {
	if e.Name != "" {
		return e.Name
	}
	return e.Address
}

const (
	unixScheme = "unix://"
	tcpScheme  = "tcp://"
)

// maxSocketPath fits into sockaddr_un on every system, which is as short as 104
// bytes, with room for a few more. A configuration may not have a longer one.
const maxSocketPath = 100

// Validate says what is wrong with e on any machine: what Listen would refuse
// without looking around.
func (e Endpoint) Validate() error {
	if path, ok := strings.CutPrefix(e.Address, unixScheme); ok {
		return e.validateUnix(path)
	}
	if hostport, ok := strings.CutPrefix(e.Address, tcpScheme); ok {
		return e.validateTCP(hostport)
	}
	return errors.New("an address begins with unix:// or tcp://")
}

func (e Endpoint) validateUnix(file string) error {
	switch {
	case !strings.HasPrefix(file, "/") || path.Clean(file) != file || file == "/":
		return errors.New("a socket needs an absolute path without . and .. and doubled slashes, such as unix:///run/tokend/tokend.sock")
	case len(file) > maxSocketPath:
		return fmt.Errorf("the path has %d bytes, but that of a socket may have %d; choose a shorter one", len(file), maxSocketPath)
	case strings.ContainsFunc(file, unicode.IsControl):
		return errors.New("the path of a socket must not hold control characters")
	case e.Mode&^fs.ModePerm != 0:
		return errors.New("the mode of a socket is permission bits only")
	case e.TLS != nil:
		return errors.New("TLS is for TCP listeners only")
	default:
		return nil
	}
}

func (e Endpoint) validateTCP(hostport string) error {
	host, port, err := net.SplitHostPort(hostport)
	switch {
	case err != nil || !isPort(port):
		return errors.New("a TCP address has a host and a port, such as 127.0.0.1:7460")
	case !isLoopback(host) && e.TLS == nil:
		return errors.New("only loopback addresses are served on TCP without TLS; use 127.0.0.1, [::1] or localhost")
	case e.Mode != 0 || e.Group != "":
		return errors.New("mode and group are for Unix sockets only")
	case e.TrustDirectory:
		return errors.New("trust_directory is for Unix sockets only")
	default:
		return nil
	}
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && strconv.FormatUint(n, 10) == text
}

// Listen opens e.
//
// A Unix socket has its permissions before anybody can connect. It replaces one
// that was left behind, but neither one on which somebody still listens nor
// anything that is not a socket. It is removed when the listener is closed. Beside
// it stands PATH.lock, locked while the socket is open and never removed: of
// several nodes that start at once on what was left behind, one gets the socket
// and the others an error. A TCP listener without TLS must be on loopback. One at
// localhost is at 127.0.0.1 and ::1, as far as the machine has them; one of them that is
// taken is an error.
func Listen(ctx context.Context, e Endpoint) (net.Listener, error) {
	l, err := listen(ctx, e)
	if err != nil {
		// A port is told as clients write it.
		return nil, fmt.Errorf("listen on %s: %w", strings.Replace(e.Address, tcpScheme, "http://", 1), err)
	}
	return l, nil
}

func listen(ctx context.Context, e Endpoint) (net.Listener, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	if path, ok := strings.CutPrefix(e.Address, unixScheme); ok {
		return listenUnix(ctx, path, e)
	}
	hostport := strings.TrimPrefix(e.Address, tcpScheme)
	if port, ok := isLocalhost(hostport); ok {
		return listenLocalhost(ctx, port)
	}
	return listenTCP(ctx, hostport, e.TLS != nil)
}

// Permit gives a Unix socket that [Listen] has opened the mode and the group of e.
// Whoever is connected stays so. When it fails, the socket may be left to its owner
// alone: Permit it as it was before.
func Permit(l net.Listener, e Endpoint) error {
	s, ok := l.(interface{ permit(e Endpoint) error })
	if !ok {
		return errors.New("mode and group are for Unix sockets only")
	}
	return s.permit(e)
}

func listenTCP(ctx context.Context, hostport string, anywhere bool) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", hostport)
	if err != nil {
		return nil, explainTCP(err)
	}
	// A name is as loopback as the resolver says.
	if a, ok := l.Addr().(*net.TCPAddr); !anywhere && (!ok || !a.IP.IsLoopback()) {
		return nil, errors.Join(fmt.Errorf("%s is not a loopback address here; use 127.0.0.1", hostport), l.Close())
	}
	return l, nil
}

// ErrPortTaken is what [Listen] says of a port on which somebody listens already.
var ErrPortTaken = errors.New("the port is taken; stop what listens there or choose another port")

func explainTCP(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return ErrPortTaken
	case errors.Is(err, syscall.EACCES):
		return errors.New("no permission for this port; choose one above 1023")
	default:
		return err
	}
}
