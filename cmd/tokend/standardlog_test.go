package main

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"tokend/actors/provider"
)

// lines hands on what is written.
type lines chan string

func (l lines) Write(b []byte) (int, error) { l <- string(b); return len(b), nil }

// overflowing answers with a body that is longer than its Content-Length says.
func overflowing(t *testing.T) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}{\"access_token\":\"canary\"}")
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}
}

func TestP7WhatAServerSendsUnaskedDoesNotShow(t *testing.T) {
	server := httptest.NewServer(overflowing(t))
	defer server.Close()
	said := make(lines, 10)
	before := log.Writer()
	log.SetOutput(withoutQuotes{said})
	defer log.SetOutput(before)

	transports := provider.NewTransports("")
	defer transports.Close()
	client, err := transports.Client(provider.TLS{})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if line := <-said; strings.Contains(line, "canary") || !strings.HasSuffix(line, "starting with [withheld]\n") {
		t.Errorf("said %q", line)
	}
}

func TestTheStandardLogSaysWhatQuotesNothing(t *testing.T) {
	var text bytes.Buffer
	n, err := io.WriteString(withoutQuotes{&text}, "all is well\n")
	if n != 12 || err != nil || text.String() != "all is well\n" {
		t.Errorf("%d, %v, %q", n, err, text.String())
	}
	if _, err := io.WriteString(withoutQuotes{full{}}, "x\n"); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("got %v", err)
	}
}

// full takes nothing more.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestTheProgramsStandardLogQuotesNothing(t *testing.T) {
	before, args := log.Writer(), os.Args
	defer func() { log.SetOutput(before); os.Args = args }()
	os.Args = []string{"tokend", "version"}
	if code := realMain(); code != 0 {
		t.Errorf("exit %d", code)
	}
	if _, ok := log.Writer().(withoutQuotes); !ok {
		t.Errorf("it is written by a %T", log.Writer())
	}
}
