// Command bare is a server that gives everybody one and the same answer, and knows
// nothing but net/http: what a node's doors are compared with.
//
//	bare SOCKET <answer
//
// The answer comes from standard input as it goes over the wire. It listens on a
// loopback port and on the Unix socket, prints the port's address when it does, and
// ends when standard input ends.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "bare: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) != 1 {
		return errors.New("usage: bare SOCKET <answer")
	}
	in := bufio.NewReader(stdin)
	same, err := readAnswer(in)
	if err != nil {
		return fmt.Errorf("the answer: %w", err)
	}
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	socket, err := net.Listen("unix", args[0])
	if err != nil {
		return errors.Join(err, port.Close())
	}
	server := newServer(same)
	for _, l := range []net.Listener{port, socket} {
		go func() { _ = server.Serve(l) }() // whoever asks finds out
	}
	_, err = fmt.Fprintln(stdout, port.Addr())
	if err == nil {
		_, err = io.Copy(io.Discard, in)
	}
	return errors.Join(err, server.Close())
}

// newServer returns a server with the bounds that a node's has: whoever serves
// others needs them, and what they cost is not what a node is to be measured by.
func newServer(handler http.Handler) *http.Server {
	s := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       75 * time.Second,
		WriteTimeout:      75 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    8 << 10,
		Protocols:         new(http.Protocols),
	}
	s.Protocols.SetHTTP1(true)
	return s
}

// answer is what everybody gets.
type answer struct {
	status int
	header []field
	body   []byte
}

type field struct {
	name   string
	values []string
}

// readAnswer reads an answer. The server writes the time of its own.
func readAnswer(r *bufio.Reader) (*answer, error) {
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	resp.Header.Del("Date")
	a := &answer{status: resp.StatusCode, body: body}
	for name, values := range resp.Header {
		a.header = append(a.header, field{name, values})
	}
	return a, nil
}

// ServeHTTP makes nothing anew: no handler could do less.
func (a *answer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	header := w.Header()
	for _, f := range a.header {
		header[f.name] = f.values
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // nobody is left to be told
}
