package httpapi

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"tokend/messages"
)

var (
	occurrence = messages.Occurrence{Service: "erp", At: noon, State: "degraded", Generation: 3, Fingerprint: "0123456789ab", ExpiresAt: noon.Add(time.Minute)}
	failure    = messages.Failure{Class: "transient", Text: "refused", At: noon, Attempts: 2, NextTry: noon.Add(time.Second)}
)

// everyEvent has each type of event once, and what it is besides what all have.
var everyEvent = []struct {
	event messages.Event
	more  string
}{
	{&messages.TokenAcquired{Occurrence: occurrence, Took: time.Second}, ""},
	{&messages.TokenRefreshed{Occurrence: occurrence, Took: time.Second}, ""},
	{&messages.TokenExpiring{Occurrence: occurrence, LastError: &failure}, failed},
	{&messages.TokenExpired{Occurrence: occurrence, LastError: &failure}, failed},
	{&messages.RefreshFailed{Occurrence: occurrence, Failure: failure, Took: time.Second}, failed},
	{&messages.LoginLost{Occurrence: occurrence, Failure: failure}, failed},
	{&messages.TokenInvalidated{Occurrence: occurrence}, ""},
	{&messages.ActorRestarted{Occurrence: occurrence, Restarts: 2, Pause: time.Second, Reason: "panic of type string"}, `,"text":"panic of type string","attempts":2`},
	{&messages.SinkStale{Occurrence: occurrence, Path: "/run/token", Remains: true}, `,"text":"/run/token"`},
	{&messages.ServiceRemoved{Occurrence: occurrence}, ""},
}

const failed = `,"class":"transient","text":"refused","attempts":2,"next_try":"2026-03-01T12:00:01Z"`

func TestEventsAsTheyAreWritten(t *testing.T) {
	for _, tt := range everyEvent {
		t.Run(tt.event.Name(), func(t *testing.T) {
			want := `{"event":"` + tt.event.Name() + `","at":"2026-03-01T12:00:00Z","service":"erp","state":"degraded","generation":3,"fingerprint":"0123456789ab","expires_at":"2026-03-01T12:01:00Z"` + tt.more + `}`
			if got, err := json.Marshal(EventOf(tt.event)); err != nil || string(got) != want {
				t.Errorf("got  %s, %v\nwant %s", got, err, want)
			}
		})
	}
}

func TestEventsLeaveOutWhatIsNotThere(t *testing.T) {
	const want = `{"event":"token_expired","at":"2026-03-01T12:00:00Z","service":"erp","state":"empty","generation":0}`
	e := &messages.TokenExpired{Occurrence: messages.Occurrence{Service: "erp", At: noon, State: "empty"}}
	if got, err := json.Marshal(EventOf(e)); err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

func TestEveryTypeOfEventIsWritten(t *testing.T) {
	tested := map[string]bool{}
	for _, tt := range everyEvent {
		tested[reflect.TypeOf(tt.event).Elem().Name()] = true
	}
	files, err := filepath.Glob("../../messages/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v in %d files", err, len(files))
	}
	found := 0
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil || f.Name.Name != "Name" {
				continue
			}
			star, ok := f.Recv.List[0].Type.(*ast.StarExpr)
			if !ok {
				continue
			}
			found++
			if name := star.X.(*ast.Ident).Name; !tested[name] {
				t.Errorf("%s is an event that nobody says how to write", name)
			}
		}
	}
	if found != len(everyEvent) {
		t.Errorf("%d types of event, of which %d are tested", found, len(everyEvent))
	}
}
