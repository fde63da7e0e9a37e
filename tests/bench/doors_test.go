package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

// TestABareServerAnswersAsTheNode asks both as the loaders do.
func TestABareServerAnswersAsTheNode(t *testing.T) {
	c, err := openContest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, c.close)
	node, _ := c.asks("tcp", contestPath)
	now, err := node.exchange()
	if err != nil || !bytes.HasPrefix(now.raw, []byte("HTTP/1.1 200 OK\r\n")) || !bytes.Contains(now.body, []byte(`"access_token":"`)) {
		t.Fatalf("the node answers %q, error %v", now.head(), err)
	}
	past := exchanged{raw: bytes.Replace(now.raw, []byte(`"expires_in":`), []byte(`"expires_in":1`), 1)}
	if same, err := c.same(past); same || err != nil {
		t.Errorf("of what the node answers no more: same %v, error %v", same, err)
	}
	t.Run("what the loaders say is compared with what the node has counted", func(t *testing.T) { c.wantCounted(t) })
	c.bare.close()
	if err := c.startBare(t.Context(), bytes.Replace(now.timeless(), []byte("no-store"), []byte("no-cache"), 1)); err != nil {
		t.Fatal(err)
	}
	c.wantDifferent(t)
}

func (c *contest) wantCounted(t *testing.T) {
	rows, err := c.compare(t.Context(), program(t, oneAnswer), []int{1}, 1, time.Second)
	if err != nil || len(rows) != 3 || rows[0].ratio != "1.00" || rows[1].theirs != "2µs / 3µs / 4µs" {
		t.Errorf("rows %+v, error %v", rows, err)
	}
	many := program(t, strings.Replace(oneAnswer, `"requests":1,`, `"requests":1000000,`, 1))
	if _, err := c.compare(t.Context(), many, []int{1}, 1, time.Second); err == nil || !strings.Contains(err.Error(), "metrics count") {
		t.Errorf("answers that the node has not counted: error %v", err)
	}
	if _, err := c.compare(t.Context(), program(t, "exit 1"), []int{16}, 1, time.Second); err == nil || !strings.Contains(err.Error(), "16 connections over tcp") {
		t.Errorf("a loader that fails: error %v", err)
	}
}

// wantDifferent wants it noticed that the bare server's answer has another header.
func (c *contest) wantDifferent(t *testing.T) {
	for { // the node's answer is another one each second
		node, _ := c.asks("tcp", contestPath)
		now, err := node.exchange()
		if err != nil {
			t.Fatal(err)
		}
		same, err := c.same(now)
		if err == nil && !same {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "no-cache") || strings.Contains(err.Error(), "access_token") {
			t.Errorf("error %v, want the headers and not the token", err)
		}
		return
	}
}

func TestServersMustStart(t *testing.T) {
	for name, tt := range map[string]struct{ script, err string }{
		"one that ends":              {"echo serving; echo why it ends >&2", "has ended: why it ends"},
		"one whose last line is cut": {"printf 'a line\nhalf a'", "has ended: half a"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChild(t.Context(), printedPort, "sh", "-c", tt.script)
			if _, err := c.start(); err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
	if _, err := newChild(t.Context(), printedPort, "no-such-program").start(); err == nil {
		t.Error("there is no such program, and that is no error")
	}
	c := newChild(t.Context(), printedPort, "sh", "-c", "echo hello; echo 127.0.0.1:1; echo 127.0.0.1:2; exec sleep 600")
	if port, err := c.start(); err != nil || port != "127.0.0.1:1" {
		t.Errorf("port %q, error %v", port, err)
	}
	c.close()
}

func TestWhereANodeServes(t *testing.T) {
	for line, want := range map[string]string{
		`{"msg":"serving","address":"http://127.0.0.1:7460","level":"info"}`:        "127.0.0.1:7460",
		`{"msg":"serving","address":"unix:///run/s","level":"info"}`:                "",
		`{"msg":"no longer serving","address":"http://127.0.0.1:1","level":"info"}`: "",
		`goroutine 1 [running]:`: "",
	} {
		if got := servingPort(line); got != want {
			t.Errorf("%s: %q", line, got)
		}
	}
}

func TestAnAnswerWithoutItsTime(t *testing.T) {
	e := exchanged{raw: []byte("HTTP/1.1 200 OK\r\nDate: now\r\nX-Date: kept\r\n\r\nDate: kept\r\n")}
	if got := string(e.timeless()); got != "HTTP/1.1 200 OK\r\nX-Date: kept\r\n\r\nDate: kept\r\n" {
		t.Errorf("%q", got)
	}
	if got := string(e.head()); got != "HTTP/1.1 200 OK\r\nDate: now\r\nX-Date: kept\r\n" {
		t.Errorf("%q", got)
	}
}

func TestTheBestOfTheRoundsCounts(t *testing.T) {
	ms := time.Millisecond
	b := bout{
		node: []reading{{1, 80, ms, ms, ms}, {1, 180, 2 * ms, 5 * ms, 7 * ms}, {1, 90, 3 * ms, 6 * ms, 9 * ms}},
		bare: []reading{{1, 200, ms, 2 * ms, 3 * ms}, {1, 90, ms, ms, ms}, {1, 100, ms, ms, ms}},
	}
	rows := b.rows("node")
	if r := rows[0]; r.ours != "180" || r.theirs != "200" || r.ratio != "0.90" || r.broken {
		t.Errorf("rates %+v", r)
	}
	if r := rows[1]; r.ours != "2ms / 5ms / 7ms" || r.theirs != "1ms / 2ms / 3ms" {
		t.Errorf("percentiles %+v", r)
	}
	if r := rows[2]; r.ratio != "0.90" || r.verdict() != "-" {
		t.Errorf("rounds %+v", r)
	}
	b.node[1].rate = 169
	if r := b.rows("node")[0]; !r.broken {
		t.Errorf("a ratio below the bound: %+v", r)
	}
}

func TestNothingIsLeftOfWhatCannotBeBuilt(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := openContest(ctx); err == nil {
		t.Error("nothing was built, and that is no error")
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, error %v", left, err)
	}
}
