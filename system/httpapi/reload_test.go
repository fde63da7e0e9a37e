package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"tokend/messages"
	"tokend/system/access"
)

func TestAReloadIsAnswered(t *testing.T) {
	tests := map[string]struct {
		body string
		err  error
		want string
	}{
		"well":            {"{}", nil, `{"reloaded":true,"added":1,"removed":2,"changed":3}`},
		"with a field":    {`{"file":"x"}`, nil, `"code":"invalid_request"`},
		"refused":         {"", Unfit{"log.level: is wrong", "listen[0]: is taken"}, `the one before stays: log.level: is wrong; listen[0]: is taken","code":"invalid_request"`},
		"of a stopped":    {"", &messages.Error{Kind: messages.ErrStopped}, `"code":"stopped"`},
		"that takes long": {"", context.DeadlineExceeded, `"code":"timeout"`},
		"of a stranger":   {"", errors.New("canary"), `"detail":"internal error","code":"internal"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			reload := func(context.Context) (Reloaded, error) {
				return Reloaded{Reloaded: true, Added: 1, Removed: 2, Changed: 3}, tt.err
			}
			rec := call(t, New(newFake(), Options{Reload: reload}), http.MethodPost, "/v1/reload", tt.body)
			if got := rec.Body.String(); !strings.Contains(got, tt.want) {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestReasonsAreBounded(t *testing.T) {
	var many Unfit
	for i := range 30 {
		many = append(many, fmt.Sprintf("services.s%d: is wrong", i))
	}
	text := many.Error()
	if !strings.HasPrefix(text, "services.s0: is wrong; services.s1: ") || !strings.HasSuffix(text, "services.s19: is wrong; and 10 more") {
		t.Errorf("got %s", text)
	}
	long := Unfit{"a: b", strings.Repeat("c", mostMistakeText), "d: e"}
	if got := long.Error(); got != "a: b; and 2 more" {
		t.Errorf("got %.100s", got)
	}
	if got := (Unfit{strings.Repeat("c", mostMistakeText+1)}).Error(); got != "and 1 more" {
		t.Errorf("got %.100s", got)
	}
}

func TestLoweringTheLimitClosesTheIdlest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSwitchboard()
		s.dial("a", "b", "c")
		s.answers("c", "b", "a")
		s.begins("a")
		s.begins("b")
		waits(idleGrace)
		s.setLimit(1)
		if got := strings.Join(s.closed, " "); got != "c" {
			t.Errorf("closed: %q", got)
		}
		if a := s.by["a"].conn.leaves(); a {
			t.Error("one goes that is not known to have sent one request alone")
		}
		s.ends("b")
		s.begins("b") // now it is known
		if a, b := s.by["a"].conn.leaves(), s.by["b"].conn.leaves(); a || !b {
			t.Errorf("told to go: %v, %v", a, b)
		}
		s.leaves("b")
		s.dial("d")
		s.setLimit(2)
		waits(lookForRoom)
		if got := s.let(); got != "a b c d" || strings.Join(s.closed, " ") != "c" {
			t.Errorf("let in: %q, closed: %q", got, s.closed)
		}
		s.connections.end()
	})
}

func TestASharedAuditTellsOneAtATime(t *testing.T) {
	var shared access.SharedAuditor
	shared.Audit(access.Record{Service: "nobody"})
	first, second := &notes{}, &notes{}
	if !shared.Idle() {
		t.Error("somebody is told")
	}
	shared.Replace(first)
	shared.Audit(access.Record{Service: "a"})
	shared.Replace(second)
	shared.Audit(access.Record{Service: "b"})
	if shared.Idle() {
		t.Error("nobody is told")
	}
	shared.Replace(nil)
	shared.Audit(access.Record{Service: "c"})
	if first.services != "a" || second.services != "b" || !shared.Idle() {
		t.Errorf("told: %q, %q", first.services, second.services)
	}
}

type notes struct{ services string }

func (n *notes) Audit(r access.Record) { n.services += r.Service }
