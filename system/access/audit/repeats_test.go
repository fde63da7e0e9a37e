package audit

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tokend/system/access"
)

// refusal is one of a stranger's.
func refusal(change func(r *access.Record)) access.Record {
	r := access.Record{
		Time: time.Now(), Identity: access.KindAnonymous, From: "10.0.0.7:1", Listener: "tcp", Verb: "get",
		Service: "billing", Decision: access.Refused, Code: "denied",
	}
	if change != nil {
		change(&r)
	}
	return r
}

// told returns how many lines the text has, and what those say that tell of several.
func told(t *testing.T, text string) (lines int, repeated []string) {
	t.Helper()
	for line := range strings.Lines(text) {
		var r access.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		lines++
		if r.Repeated > 0 {
			repeated = append(repeated, fmt.Sprintf("%s %s %s %s %d%s%s", r.Client, r.Listener, r.Verb, r.Code, r.Repeated, r.From, r.Service))
		}
	}
	return lines, repeated
}

// taken returns what was written since it was asked last.
func (b *broken) taken() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.text.Reset()
	return b.text.String()
}

func TestRefusalsOfOneKindAreToldTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := &broken{} // which is not
		l := To(text, Options{})
		expect := func(when string, lines int, repeated ...string) {
			t.Helper()
			synctest.Wait()
			n, got := told(t, text.taken())
			if n != lines || strings.Join(got, ",") != strings.Join(repeated, ",") {
				t.Errorf("%s: %d lines, repeated %q; want %d, %q", when, n, got, lines, repeated)
			}
		}
		refuse := func(times int, change func(*access.Record)) {
			for range times {
				l.Audit(refusal(change))
			}
		}
		refuse(9, nil)
		refuse(1, func(r *access.Record) { r.From, r.Service = "10.0.0.8:2", "erp" }) // of the same kind
		expect("ten", 10)
		refuse(1000, nil)
		expect("many more", 0)
		for name, other := range map[string]func(*access.Record){
			"client":   func(r *access.Record) { r.Client, r.Identity = "ci", access.KindKey },
			"listener": func(r *access.Record) { r.Listener = "other" },
			"verb":     func(r *access.Record) { r.Verb = "info" },
			"code":     func(r *access.Record) { r.Code = "unauthenticated" },
			"granted":  func(r *access.Record) { r.Decision, r.Code = access.Granted, "" },
			"failed":   func(r *access.Record) { r.Decision = access.Granted },
		} {
			refuse(10, other)
			expect("another "+name, 10)
		}
		for range 100 {
			l.Audit(refusal(func(r *access.Record) { r.Decision = access.Granted }))
		}
		expect("what is granted", 100)
		time.Sleep(window - time.Nanosecond)
		refuse(1, nil)
		expect("just before the minute has passed", 0)
		time.Sleep(time.Nanosecond)
		expect("when it has passed", 1, " tcp get denied 1001")
		refuse(12, nil)
		expect("the next minute", 10)
		time.Sleep(window)
		expect("its end", 1, " tcp get denied 2")
		refuse(5, nil)
		time.Sleep(window - time.Nanosecond)
		refuse(5, nil)
		time.Sleep(time.Nanosecond)
		refuse(10, nil)
		expect("where few come", 20)
		refuse(3, nil)
		l.Close()
		expect("at the end", 1, " tcp get denied 3")
		refuse(20, nil) // is harmless, and late
	})
}
