package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"tokend/system/httpapi"
)

const (
	// silence is how long a stream says nothing, not even that it is there, until it
	// counts as lost. A node says so every 15 s.
	silence = 45 * time.Second
	// maxLine is room for the longest event.
	maxLine = 64 << 10
)

// feed follows a node's events over lost connections.
type feed struct {
	node   *node
	target string
	show   func(data []byte) error // is told of every event
	lost   func(err error, pause time.Duration)
	pause  func(attempt int) time.Duration // before that attempt to connect again
	last   string                          // id of the last event
}

// follow returns nil when ctx ends, and an error when there is no node to begin
// with, for as long as --wait says, or the node refuses.
func (f *feed) follow(ctx context.Context) error {
	for attempt, connected := 1, false; ; attempt++ {
		opened, err := f.stream(ctx)
		if opened {
			attempt, connected = 1, true
		}
		if ctx.Err() != nil {
			return nil
		}
		pause := f.pause(attempt)
		switch {
		case !connected && !f.node.waits(err, pause), connected && final(err):
			return err
		case connected:
			f.lost(err, pause)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// final reports whether there is no point in trying again: the node does not want
// this request, or nobody takes what is shown.
func final(err error) bool {
	if p, ok := errors.AsType[*httpapi.Problem](err); ok {
		return p.Status < http.StatusInternalServerError && p.Status != http.StatusTooManyRequests
	}
	_, unshown := errors.AsType[*showError](err)
	return unshown
}

// showError is an error of whoever shows events.
type showError struct{ error }

// Unwrap returns the error itself.
func (e *showError) Unwrap() error { return e.error }

var (
	errSilent = errors.New("nothing was heard of the node for a while")
	errEnded  = errors.New("the node ended the stream")
)

// stream shows events until the stream ends. It reports whether there was one.
func (f *feed) stream(ctx context.Context) (opened bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	quiet := time.AfterFunc(min(silence, f.node.patience()), func() { cancel(errSilent) })
	defer quiet.Stop()
	resp, err := f.open(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxLine)
	var e block
	for lines.Scan() {
		quiet.Reset(silence)
		if err := f.take(&e, lines.Bytes()); err != nil {
			return true, err
		}
	}
	return true, unavailable(fmt.Errorf("the connection to %s is lost: %w", f.node.addr, f.why(ctx, lines.Err())))
}

// why tells why a stream has ended.
func (*feed) why(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil:
		return errEnded
	default:
		return err
	}
}

func (f *feed) open(ctx context.Context) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.node.base+f.target, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "text/event-stream")
	f.node.identify(r)
	if f.last != "" {
		r.Header.Set("Last-Event-ID", f.last)
	}
	resp, err := f.node.client.Do(r)
	if err != nil {
		return nil, f.node.unreachable(ctx, err)
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode != http.StatusOK:
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxLine)) // half a problem is none
		err = f.node.refusal(ctx, resp, body)
	case kind != "text/event-stream":
		err = &showError{f.node.stranger()}
	default:
		return resp, nil
	}
	return nil, errors.Join(err, resp.Body.Close())
}

// block is the lines of an event so far.
type block struct{ id, data string }

// take takes one line of the stream.
func (f *feed) take(e *block, line []byte) error {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "id":
		e.id = string(value)
	case "data":
		e.data = string(value)
	case "":
		if len(line) == 0 {
			return f.end(e)
		}
	}
	return nil
}

// end shows the event whose lines are complete.
func (f *feed) end(e *block) error {
	whole := *e
	*e = block{}
	if whole.data == "" {
		return nil
	}
	if err := f.show([]byte(whole.data)); err != nil {
		return &showError{err}
	}
	if whole.id != "" {
		f.last = whole.id
	}
	return nil
}
