package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	besiegers = 10_000
	// goodWithin is how soon a good request is answered while others are in the way.
	goodWithin = 100 * time.Millisecond
)

// sieges are what those send who are in the way, and then stay.
var sieges = []struct {
	name, sends string
	many        int
}{
	{"10,000 idle connections", "", besiegers},
	{"10,000 requests that never end", "GET /v1/token/a HTTP/1.1\r\nHost: localhost\r\nX: ", besiegers},
	{"1,000 headers of 64 KiB", "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 64<<10), 1000},
	{"1,000 times what is no HTTP", "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 1000},
}

// checkSiege measures how long a good request takes, on a connection of its own,
// while others keep a node's door busy.
func checkSiege() (_ []row, err error) {
	h, err := plan{services: services, size: 200, memory: memorySealed}.build()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	key, policy, err := oneClient("tcp", h.names[0])
	if err != nil {
		return nil, err
	}
	ask := asking{path: "/v1/token/" + h.names[0], headers: "Authorization: Bearer " + key.Reveal() + "\r\n"}
	door, err := (&duel{network: "tcp"}).listen("door", ask, watchedDoor(h, policy), true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, door.close()) }()
	var rows []row
	for _, s := range sieges {
		took, err := besieged(door.asking, s.sends, s.many)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		rows = append(rows, within("a good request after "+s.name, took, goodWithin))
	}
	return rows, nil
}

// besieged returns how long the good request takes after so many others have sent
// what they send.
func besieged(good asking, sends string, many int) (took time.Duration, err error) {
	conns := make([]net.Conn, 0, many)
	defer func() {
		for _, c := range conns {
			_ = c.Close() // the door may have done so before
		}
	}()
	for range many {
		c, err := net.Dial(good.network, good.address)
		if err != nil {
			return 0, err
		}
		conns = append(conns, c)
		_, _ = c.Write([]byte(sends)) // the door may refuse to read all of it
	}
	began := time.Now()
	err = good.once()
	return time.Since(began), err
}

// once makes the request on a connection of its own.
func (a asking) once() error {
	c, err := net.Dial(a.network, a.address)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // all of the answer was read
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n", a.path, a.headers); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
		return errors.Join(err, fmt.Errorf("status %d", resp.StatusCode))
	}
	return nil
}
