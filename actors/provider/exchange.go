package provider

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"
)

// maxBody bounds an answer's body, after decompression.
const maxBody = 1 << 20

// answer is what an endpoint answered, read whole.
type answer struct {
	url      *url.URL // of the request
	status   int
	header   http.Header
	body     []byte
	received time.Time
	tooLarge bool      // the body was over maxBody and is not there
	unread   bool      // there is a body, but it is not there, whatever the reason
	before   []*answer // those of the same login before this one
}

// date returns the IdP's clock when it answered, zero if unknown.
func (a *answer) date() time.Time { return dateOf(a.header) }

// dateNotes returns a note if there is a Date that cannot be read.
func (a *answer) dateNotes() []Note {
	if a.header.Get("Date") == "" || !a.date().IsZero() {
		return nil
	}
	return []Note{{"date", "the Date of the answer cannot be read: it does not count"}}
}

// exchange is one request on its way. It knows how far it has come, which
// net/http's errors do not tell, and bounds connecting on its own.
type exchange struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	host   string
	timer  *alarm // ends connecting
	unbind func() // ends what binds it to the acquisition

	mu       sync.Mutex
	phase    phase
	batch    *batch        // whose connections it uses; nil: not known yet
	link     *link         // the last that the request got; nil: none, or one that is not ours
	shared   bool          // that is HTTP/2
	owes     bool          // nothing has come back over it
	since    time.Duration // when it got it, by stopwatch
	ear      *alarm        // listens whether anything comes back over it
	sent     bool          // headers were written to a connection of HTTP/2
	guards   []func() bool // one a connection that is being made
	reprieve *alarm        // ends waiting for an answer that must not get lost, see patient
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// newExchange starts the time for connecting. The caller calls close.
func newExchange(ctx context.Context, host string, connect time.Duration) *exchange {
	own, unbind := ctx, func() {}
	if isPatient(ctx) {
		own, unbind = apart(ctx)
	}
	inner, cancel := context.WithCancelCause(own)
	x := &exchange{cancel: cancel, host: host, unbind: unbind}
	x.ctx = httptrace.WithClientTrace(context.WithValue(inner, exchangeKey{}, x), &httptrace.ClientTrace{
		GotConn:              func(info httptrace.GotConnInfo) { x.connected(info.Conn) },
		WroteHeaders:         x.wrote,
		GotFirstResponseByte: x.answered,
	})
	x.timer = newAlarm(connect, func() { cancel(errConnectTimeout) })
	if own != ctx {
		x.watch(ctx)
	}
	return x
}

// guard closes conn when the exchange ends before it has a connection: net/http would
// go on with a handshake that hangs.
func (x *exchange) guard(conn net.Conn) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.phase == connecting {
		x.guards = append(x.guards, context.AfterFunc(x.ctx, func() { _ = conn.Close() }))
	}
}

// connected ends connecting: TLS and a proxy's CONNECT, too, lie behind. From
// now on the connection belongs to net/http's pool.
//
// A request that a server of HTTP/2 has given back ends here: net/http would send
// it again, up to seven times and also when it may have been carried out.
func (x *exchange) connected(conn net.Conn) {
	x.timer.Stop()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.sent {
		x.cancel(errGivenBack)
	}
	x.phase = waiting
	x.hold(conn)
	for _, stop := range x.guards {
		stop()
	}
	x.guards = nil
}

// wrote notes that a request is on its way. What net/http does with one of
// HTTP/1.1 is right: it sends it again if it had come to nothing before the first
// byte, or if its method says that this does no harm.
func (x *exchange) wrote() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sent = x.shared
}

func (x *exchange) advance(p phase) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.phase = p
}

// close releases what the exchange holds.
func (x *exchange) close() {
	x.timer.Stop()
	x.unbind()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.reprieve != nil {
		x.reprieve.Stop()
	}
	x.cancel(nil)
	x.release()
	if x.batch != nil {
		x.batch.leave()
	}
}

// lost returns err as what it is: why the exchange broke off. If its context has
// ended, that is the reason, whatever the connection says about it.
func (x *exchange) lost(err error) error {
	if cause := context.Cause(x.ctx); cause != nil {
		err = x.ctx.Err()
		if cause == errConnectTimeout || cause == errGivenBack || cause == errSilent || cause == context.DeadlineExceeded {
			err = cause
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ctx.Err() == nil && x.link != nil && x.link.wasDropped() {
		err = errSilent // as another exchange has found before
	}
	return &lost{host: x.host, phase: x.phase, err: err}
}

// send sends req by client and reads the answer.
func (x *exchange) send(client *http.Client, req *http.Request) (*answer, error) {
	if req.Header.Get("Accept-Encoding") == "" {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	resp, err := client.Do(req.WithContext(x.ctx))
	if err != nil {
		x.abandon()
		return nil, x.lost(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < http.StatusOK {
		return nil, &refusal{status: resp.StatusCode, hint: "the endpoint changes the protocol instead of answering"}
	}
	// net/http lets go of some answers when their request's context ends.
	defer context.AfterFunc(x.ctx, func() { _ = resp.Body.Close() })()
	x.advance(reading)
	a := &answer{url: req.URL, status: resp.StatusCode, header: resp.Header}
	err = a.read(resp.Body)
	if err != nil && success(a.status) {
		if err == errUndecodable {
			return nil, unusablef("answer cannot be decompressed")
		}
		x.abandon()
		return nil, x.lost(err)
	}
	a.unread = err != nil || a.tooLarge || a.encoded()
	a.received = time.Now()
	return a, nil
}

// errUndecodable is what a body comes to that is not compressed as it says.
var errUndecodable = errors.New("cannot be decompressed")

// read reads the body. Without success the status says enough, so what could not
// be read is left out.
func (a *answer) read(body io.Reader) error {
	content, err := readBounded(body)
	if err == nil && a.zipped() && len(content) <= maxBody {
		content, err = unzip(content)
	}
	if err != nil {
		return err
	}
	if len(content) > maxBody {
		a.tooLarge = true
		return nil
	}
	a.body = bytes.TrimSpace(inUTF8(a.header.Get("Content-Type"), content))
	return nil
}

// readBounded reads one byte more than there may be at most.
func readBounded(from io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(from, maxBody+1)) }

// zipped reports whether the body is compressed by gzip, as was asked for; x-gzip
// is the same (RFC 9110, section 8.4.1.3).
func (a *answer) zipped() bool {
	encoding := strings.TrimSpace(a.header.Get("Content-Encoding"))
	return strings.EqualFold(encoding, "gzip") || strings.EqualFold(encoding, "x-gzip")
}

// encoded reports whether the body is as nothing was asked for, and cannot be read.
func (a *answer) encoded() bool {
	encoding := strings.TrimSpace(a.header.Get("Content-Encoding"))
	return encoding != "" && !strings.EqualFold(encoding, "identity") && !a.zipped()
}

// unzip works on what has been read, which is bounded: net/http would read on for
// as long as nothing comes out.
func unzip(content []byte) ([]byte, error) {
	if len(content) == 0 {
		return nil, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, errUndecodable
	}
	plain, err := readBounded(z)
	if err != nil {
		return nil, errUndecodable
	}
	return plain, nil
}
