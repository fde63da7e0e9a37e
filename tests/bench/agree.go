package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// agreeTries is how often a bare server is started for an answer that then was no
// longer the node's: its expires_in is another one each second.
const agreeTries = 20

// agree starts a bare server whose answers are the node's on both networks, byte for
// byte but for the time in Date. From then on the node's change in the digits of
// expires_in, not in their number.
func (c *contest) agree(ctx context.Context) error {
	for range agreeTries {
		if same, err := c.tryAgree(ctx); err != nil || same {
			return err
		}
		c.bare.close()
	}
	return errors.New("the node never gives the same answer for long enough")
}

func (c *contest) tryAgree(ctx context.Context) (same bool, err error) {
	node, _ := c.asks("tcp", contestPath)
	want, err := node.exchange()
	if err != nil {
		return false, err
	}
	if err := c.startBare(ctx, want.timeless()); err != nil {
		return false, err
	}
	return c.same(want)
}

// same reports whether that is still what the node answers. If so, it must be what the
// bare server answers, too.
func (c *contest) same(want exchanged) (bool, error) {
	for _, network := range []string{"tcp", "unix"} {
		node, bare := c.asks(network, contestPath)
		theirs, bareErr := bare.exchange()
		ours, err := node.exchange()
		if err := errors.Join(bareErr, err); err != nil {
			return false, err
		}
		if !bytes.Equal(ours.timeless(), want.timeless()) {
			return false, nil
		}
		if !bytes.Equal(theirs.timeless(), want.timeless()) {
			return false, fmt.Errorf("over %s the bare server answers %q and %d bytes, the node %q and %d bytes",
				network, theirs.head(), len(theirs.body), ours.head(), len(ours.body))
		}
	}
	return true, nil
}

// startBare starts the bare server, which lives no longer than this program.
func (c *contest) startBare(ctx context.Context, answer []byte) error {
	bare := newChild(ctx, printedPort, c.file("bare"), c.file("bare.sock"))
	stdin, err := bare.cmd.StdinPipe()
	if err != nil {
		return err
	}
	bare.cmd.Cancel = stdin.Close                  // so that it takes its socket away
	if _, err := stdin.Write(answer); err != nil { // the pipe holds far more
		return err
	}
	if c.barePort, err = bare.start(); err == nil {
		c.bare = bare
	}
	return err
}

// printedPort returns the port that a line consists of.
func printedPort(line string) string {
	port := strings.TrimSpace(line)
	if _, err := netip.ParseAddrPort(port); err != nil {
		return ""
	}
	return port
}

// guarded makes sure that the node looks at who asks, and for what.
func (c *contest) guarded() error {
	stranger, _ := c.asks("tcp", contestPath)
	stranger.headers = ""
	ungranted, _ := c.asks("unix", contestPath+"-other")
	for status, who := range map[string]asking{"HTTP/1.1 401 ": stranger, "HTTP/1.1 403 ": ungranted} {
		got, err := who.exchange()
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(got.raw, []byte(status)) {
			return fmt.Errorf("the node answers %q to whom it should refuse", got.head())
		}
	}
	return nil
}

var answeredCount = regexp.MustCompile(`(?m)^tokend_http_requests_total\{code="200",route="/v1/token/\{service\}"\} ([0-9.e+]+)$`)

// counted returns how many tokens the node's metrics say it has handed out.
func (c *contest) counted() (int, error) {
	node, _ := c.asks("tcp", "/metrics")
	got, err := node.exchange()
	if err != nil {
		return 0, err
	}
	count := answeredCount.FindSubmatch(got.body)
	if count == nil {
		return 0, fmt.Errorf("the node's metrics do not count its answers: %q", got.head())
	}
	n, err := strconv.ParseFloat(string(count[1]), 64)
	return int(n), err
}

// exchanged is an answer as it came over the wire, and its body.
type exchanged struct{ raw, body []byte }

// exchange makes the request once, as a loader does.
func (a asking) exchange() (got exchanged, err error) {
	c, err := net.DialTimeout(a.network, a.address, loadPatience)
	if err != nil {
		return got, err
	}
	defer func() { _ = c.Close() }() // all of the answer was read
	if err := c.SetDeadline(time.Now().Add(loadPatience)); err != nil {
		return got, err
	}
	if _, err := c.Write(a.request()); err != nil {
		return got, err
	}
	var raw bytes.Buffer
	resp, err := http.ReadResponse(bufio.NewReader(io.TeeReader(c, &raw)), nil)
	if err != nil {
		return got, err
	}
	got.body, err = io.ReadAll(resp.Body)
	got.raw = raw.Bytes()
	return got, errors.Join(err, resp.Body.Close())
}

var dateLine = regexp.MustCompile(`(?m)^Date: [^\r\n]*\r\n`)

// timeless is the answer without the line of its headers that tells the time.
func (e exchanged) timeless() []byte {
	return slices.Concat(dateLine.ReplaceAll(e.head(), nil), e.raw[len(e.head()):])
}

// head is status line and headers, up to the empty line.
func (e exchanged) head() []byte {
	head, _, _ := bytes.Cut(e.raw, []byte("\r\n\r\n"))
	return e.raw[:min(len(e.raw), len(head)+len("\r\n"))]
}
