package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tokend/system/httpapi"
)

// childMain is a command that tokend exec runs:
//
//	child show VAR       prints a variable
//	child read VAR       prints the file that a variable names
//	child exit CODE      ends so
//	child die            ends by a signal
//	child note FILE VAR  adds the variable to a file, and ends with 7 at SIGTERM
//	child heed FILE VAR  adds what the file of the variable holds to a file at each SIGHUP,
//	                     and ends with 0 at SIGTERM
//	child count FILE     adds a line to a file at each SIGINT, and ends with 0 at SIGTERM
func childMain() {
	switch os.Args[1] {
	case "show":
		fmt.Println(os.Getenv(os.Args[2]))
	case "read":
		fmt.Println(read(os.Args[2]))
	case "exit":
		code, _ := strconv.Atoi(os.Args[2]) // the script says a number
		os.Exit(code)
	case "die":
		self, _ := os.FindProcess(os.Getpid()) // it is there
		_ = self.Kill()
	case "note":
		ended := signals(syscall.SIGTERM)
		add(os.Args[2], os.Getenv(os.Args[3]))
		<-ended
		os.Exit(7)
	case "count":
		ended, told := signals(syscall.SIGTERM), signals(syscall.SIGINT)
		add(os.Args[2], "started")
		for over := false; !over || len(told) > 0; {
			select {
			case s := <-told:
				add(os.Args[2], s.String())
			case <-ended:
				over = true
			}
		}
	case "heed":
		ended, told := signals(syscall.SIGTERM), signals(syscall.SIGHUP)
		add(os.Args[2], "started")
		for {
			select {
			case <-told:
				add(os.Args[2], read(os.Args[3]))
			case <-ended:
				return
			}
		}
	}
}

func signals(s os.Signal) <-chan os.Signal {
	c := make(chan os.Signal, 8)
	signal.Notify(c, s)
	return c
}

func read(variable string) string {
	text, err := os.ReadFile(os.Getenv(variable))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func add(file, line string) {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	_, _ = fmt.Fprintln(f, line)
	_ = f.Close()
}

// TestANodeThatDoesNotAnswerIsToldOnce: the command goes on with what it has, and
// gets what has changed meanwhile when the node is back.
func TestANodeThatDoesNotAnswerIsToldOnce(t *testing.T) {
	token := "one"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if token == "" {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"code":"unavailable","detail":"no token"}`))
			return
		}
		_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","service":"a","fingerprint":%[1]q}`, token)
	}))
	defer srv.Close()
	n, err := program{getenv: func(string) string { return "" }}.findNode(place{addr: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	h := &holder{node: n, variables: []variable{{"A", "a"}}}
	defer h.drop()
	if err := errors.Join(h.take(t.Context()), h.makeFiles(), h.write(h.tokens)); err != nil {
		t.Fatal(err)
	}
	c := &child{holder: h, complain: &stderr}
	for _, step := range []struct {
		token   string
		changed bool
		holds   string
	}{{"one", false, "one"}, {"", false, "one"}, {"", false, "one"}, {"two", true, "two"}, {"two", false, "two"}, {"bad\nline", false, "two"}} {
		token = step.token
		tokens, err := h.fetch(t.Context())
		if changed := c.hear(news{tokens: tokens, err: err}); changed != step.changed {
			t.Errorf("with %q: changed is %t", step.token, changed)
		}
		held, err := os.ReadFile(h.path(h.variables[0]))
		if err != nil || string(held) != step.holds {
			t.Errorf("with %q the file holds %q, %v, want %q", step.token, held, err, step.holds)
		}
	}
	if got := strings.Count(stderr.String(), "tokend: unavailable: no token\n"); got != 1 || strings.Count(stderr.String(), "\n") != 2 {
		t.Errorf("it said\n%s", &stderr)
	}
}

func TestPoll(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	expires := func(lives ...time.Duration) (all []httpapi.Token) {
		for _, life := range lives {
			all = append(all, httpapi.Token{ExpiresAt: now.Add(life)})
		}
		return all
	}
	for name, tt := range map[string]struct {
		tokens []httpapi.Token
		want   time.Duration
	}{
		"a token without expiry":        {[]httpapi.Token{{}}, 10 * time.Second},
		"one that lives long":           {expires(time.Hour), 10 * time.Second},
		"a minute":                      {expires(time.Minute), 3 * time.Second},
		"the shortest-lived of several": {expires(time.Hour, 40*time.Second), 2 * time.Second},
		"next to nothing":               {expires(time.Millisecond), time.Second},
		"a dead one":                    {expires(-time.Hour), time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (&holder{tokens: tt.tokens}).poll(now); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestEnvironHoldsAVariableOnce(t *testing.T) {
	t.Setenv("A", "from outside")
	h := &holder{variables: []variable{{"A", "a"}}, tokens: []httpapi.Token{{}}, dir: "/d"}
	var found []string
	for _, entry := range h.environ() {
		if strings.HasPrefix(entry, "A=") {
			found = append(found, entry)
		}
	}
	if len(found) != 1 || found[0] != "A="+h.path(h.variables[0]) {
		t.Errorf("got %q", found)
	}
}
