package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"tokend/actors/local"
	"tokend/system/httpapi"
)

// addressForms says what an address looks like. tcp:// is understood as well, for
// that is how a configuration writes it.
const addressForms = "an address is unix:///path/of/socket or http://127.0.0.1:7460"

// nodeURL returns scheme and host of an address. It refuses other machines without
// TLS: a token, and the key too, would cross the network in the clear.
func nodeURL(addr string) (*url.URL, error) {
	u, err := url.Parse(withZone(addr))
	if err != nil || u.Scheme != "http" && u.Scheme != "tcp" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return nil, usageError(addressForms + ", or https://host:port" + meantAddress(addr))
	}
	if u.Scheme == "https" {
		return &url.URL{Scheme: "https", Host: u.Host}, nil
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if !isLocalhost(u.Hostname()) && (err != nil || !ip.Unmap().IsLoopback()) {
		return nil, usageError("a node is asked over http on this machine only, at 127.0.0.1, [::1] or localhost; others by https")
	}
	return &url.URL{Scheme: "http", Host: u.Host}, nil
}

// withZone writes the zone of an IPv6 address as a URL has it: a configuration has
// [fe80::1%eth0], a URL [fe80::1%25eth0].
func withZone(addr string) string {
	inner, rest, ok := strings.Cut(addr, "]")
	before, zone, zoned := strings.Cut(inner, "%")
	if !ok || !zoned || strings.HasPrefix(zone, "25") && len(zone) > len("25") {
		return addr
	}
	return before + "%25" + zone + "]" + rest
}

// meantAddress asks whether an address without its scheme was meant.
func meantAddress(addr string) string {
	if strings.HasPrefix(addr, "/") {
		return "; did you mean unix://" + addr + "?"
	}
	if _, port, err := net.SplitHostPort(addr); err == nil && port != "" && !strings.Contains(port, "/") {
		return "; did you mean http://" + addr + "?"
	}
	return ""
}

func isLocalhost(host string) bool { return strings.EqualFold(host, "localhost") }

// dialHere connects to a port of this machine. A node at localhost listens at these
// two addresses, whatever the resolver makes of the name.
func dialHere(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Control: onlyHere}
	host, port, err := net.SplitHostPort(address)
	if err != nil || !isLocalhost(host) {
		return dialer.DialContext(ctx, network, address)
	}
	c, err := dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	if err == nil {
		return c, nil
	}
	if c, err := dialer.DialContext(ctx, network, net.JoinHostPort("::1", port)); err == nil {
		return c, nil
	}
	return nil, err
}

// onlyHere refuses to connect to another machine: the key would cross the network in
// the clear.
func onlyHere(_, address string, _ syscall.RawConn) error {
	if to, err := netip.ParseAddrPort(address); err != nil || !to.Addr().Unmap().IsLoopback() {
		return fmt.Errorf("%s is not on this machine", address)
	}
	return nil
}

// socketDialer connects to a Unix socket, and to nothing that a stranger listens at.
type socketDialer struct {
	path  string
	named *uint32 // the user that --socket-owner names
}

func (d socketDialer) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "unix", d.path)
	if err != nil {
		return nil, err
	}
	peer := httpapi.PeerOf(c.(*net.UnixConn))
	if peer == nil || d.trusts(peer.UID, seenUsers()) {
		return c, nil
	}
	_ = c.Close()
	return nil, &failure{exit: exitFailed, code: codeUntrusted, err: fmt.Errorf(
		"%s belongs to uid %d, who is not root, not this user (uid %d) and not the owner of its directory; if that is the node, say so by --socket-owner or %s",
		d.path, peer.UID, os.Geteuid(), socketOwnerEnv)}
}

// codeUntrusted is for what answers in the place of a node.
const codeUntrusted = "untrusted"

// trusts reports whether a node may be that user's. Who can change the directory could
// have put the socket there. Users that are not mapped into a user namespace all look
// like one, which proves nothing.
func (d socketDialer) trusts(uid uint32, seen users) bool {
	if uid == 0 || d.named != nil && *d.named == uid {
		return true
	}
	certain := seen.whole || uid != seen.overflow
	if certain && int64(uid) == int64(seen.own) {
		return true
	}
	owner, ok := directoryOwner(d.path)
	return ok && (certain && owner == uid || local.RootAlone(filepath.Dir(d.path)))
}
