package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// loadPatience bounds one request.
const loadPatience = 10 * time.Second

// asking is what a client asks, and where.
type asking struct {
	network, address string
	path             string
	headers          string // more lines of the request
}

func (a asking) request() []byte {
	return []byte("GET " + a.path + " HTTP/1.1\r\nHost: localhost\r\n" + a.headers + "\r\n")
}

// load has so many connections ask the same, each again as soon as it is answered,
// for that time, and returns how long each request took. It makes and reads as
// little as HTTP allows: what the client costs would hide what the server costs.
func load(what asking, connections int, during time.Duration) ([]time.Duration, error) {
	conns := make([]net.Conn, 0, connections)
	defer func() {
		for _, c := range conns {
			_ = c.Close() // everything was read
		}
	}()
	for range connections {
		c, err := new(net.Dialer).DialContext(context.Background(), what.network, what.address)
		if err != nil {
			return nil, err
		}
		conns = append(conns, c)
	}
	waits, errs := make([][]time.Duration, connections), make([]error, connections)
	begin := make(chan struct{})
	end := time.Now().Add(during)
	var asking sync.WaitGroup
	for i, c := range conns {
		asking.Go(func() {
			<-begin
			waits[i], errs[i] = askUntil(c, what.request(), end)
		})
	}
	close(begin)
	asking.Wait()
	var all []time.Duration
	for _, w := range waits {
		all = append(all, w...)
	}
	if len(all) == 0 {
		return nil, errors.Join(append(errs, errors.New("no request was answered"))...)
	}
	return all, errors.Join(errs...)
}

func askUntil(c net.Conn, request []byte, end time.Time) ([]time.Duration, error) {
	reader := bufio.NewReaderSize(c, 4<<10)
	var waits []time.Duration
	if err := c.SetDeadline(end.Add(loadPatience)); err != nil {
		return nil, err
	}
	for began := time.Now(); len(waits) == 0 || began.Before(end); { // once at least, on a machine that has no time for it
		if _, err := c.Write(request); err != nil {
			return nil, err
		}
		if err := readAnswer(reader); err != nil {
			return nil, err
		}
		now := time.Now()
		waits = append(waits, now.Sub(began))
		began = now
	}
	return waits, nil
}

var (
	statusOK  = []byte("HTTP/1.1 200 ")
	lengthKey = []byte("Content-Length: ")
)

// readAnswer reads one answer, which must be a 200 with a length.
func readAnswer(r *bufio.Reader) error {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, statusOK) {
		return fmt.Errorf("the answer is %q", line)
	}
	length := -1
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, lengthKey); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("an answer without a length")
	}
	_, err = r.Discard(length)
	return err
}
