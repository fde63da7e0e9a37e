package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"

	"tokend/config"
	"tokend/messages"
)

func grantOn(services string) string {
	return fmt.Sprintf("clients: [{name: me, uid: %d, grants: [{services: [%q], verbs: [get]}]}]\n", os.Geteuid(), services)
}

// A grant is about the services of its own configuration.
func TestNobodyGetsWhatGoesByAGrantThatIsNew(t *testing.T) {
	n := startReloading(t, oneSocket+serviceA, nil)
	var c keptConn
	var more strings.Builder // so many that it takes a moment to end them
	for i := range 5000 {
		_, _ = fmt.Fprintf(&more, "  s%d: {provider: static, token: canary}\n", i)
	}
	for range 3 {
		n.becomes(oneSocket + grantOn("a") + "services:\n  a: {provider: static, token: abc}\n  secret: {provider: static, token: canary}\n" + more.String())
		c = n.connect("s") // only now: an idle connection is closed, and the change takes long
		stop, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			for {
				if status, err := c.get("/v1/token/secret"); err != nil || status == http.StatusOK {
					t.Errorf("status %d, %v", status, err)
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
		n.becomes(oneSocket + grantOn("*") + serviceA)
		close(stop)
		<-ended
	}
	n.gets(c, "/v1/token/secret", http.StatusNotFound)
}

func TestEveryReasonIsToldAtOnce(t *testing.T) {
	n := startReloading(t, oneSocket+serviceA, nil)
	n.refuses("listen: [\"unix://DIR/no/t\", \"unix://DIR/no/u\"]\naudit: {path: DIR/no/audit}\n"+serviceA, "audit.path", "listen[0]", "listen[1]")
	n.refuses("listen: [\"unix://DIR/s\", \"unix://DIR/no/u\"]\naudit: {path: DIR/audit}\n"+serviceA, "listen[1]")
	if !n.srv.audit.Idle() {
		t.Error("the audit of a refused configuration is there")
	}
}

// The rest of the configuration is in force then, and says so.
func TestAServiceThatCannotBeStartedKeepsNothingElseBack(t *testing.T) {
	n := startReloading(t, oneSocket+serviceA, nil)
	root := n.srv.sys.ActorSystem().Root
	squatter, err := root.SpawnNamed(actor.PropsFromFunc(func(actor.Context) {}), "service/late")
	if err != nil {
		t.Fatal(err)
	}
	const services = "services: {b: {provider: static, token: abc}, late: {provider: static, token: abc}}\n"
	n.write("listen: [\"unix://DIR/s\", \"unix://DIR/t\"]\naudit: {path: DIR/audit}\n" + grantOn("b") + services)
	_, err = n.ask(t.Context())
	if !errors.Is(err, messages.ErrUnavailable) || !strings.Contains(err.Error(), "late") {
		t.Fatalf("error %v", err)
	}
	if !n.logged(logrus.ErrorLevel, "configuration reloaded, but not all of its services run: reload again") {
		t.Error("the log says nothing of it")
	}
	c := n.connect("t")
	n.gets(c, "/v1/token/b", http.StatusOK)
	n.gets(c, "/v1/token/a", http.StatusForbidden)
	if n.srv.audit.Idle() {
		t.Error("nobody is told of decisions")
	}
	if err := root.StopFuture(squatter).Wait(); err != nil {
		t.Fatal(err)
	}
	n.becomes("listen: [\"unix://DIR/s\", \"unix://DIR/t\"]\naudit: {path: DIR/audit}\n" + grantOn("*") + services)
	n.gets(c, "/v1/token/late", http.StatusOK)
}

// A pipe may have a reader that reads no more; somewhere else is where to go then.
func TestAnAuditThatHangsCanBeLeft(t *testing.T) {
	n := startReloading(t, oneSocket+"audit: {path: DIR/one}\n"+serviceA, nil)
	hangs, ended := make(chan struct{}), make(chan struct{})
	closeAudit := n.closeAudit
	n.closeAudit = func() {
		defer close(ended)
		<-hangs
		closeAudit()
	}
	n.becomes("listen: [\"unix://DIR/s\", \"unix://DIR/t\"]\naudit: {path: DIR/two}\n" + serviceA)
	n.gets(n.connect("t"), "/v1/token/a", http.StatusOK)
	if !n.logged(logrus.ErrorLevel, "the last lines of an audit have not been written yet: nobody takes them") {
		t.Error("the log says nothing of it")
	}
	close(hangs)
	<-ended
}

// It is what a full disk leaves of a file that is written in its place.
func TestAnEmptyFileTakesNoServiceAway(t *testing.T) {
	n := prepareReloading(t, map[string]any{})
	n.flags["listen"] = []string{"unix://" + n.dir + "/s"} // no file is to be refused for that
	n.begin(serviceA)
	for _, text := range []string{"", "\n \n"} {
		n.refuses(text, n.path())
	}
	n.gets(n.connect("s"), "/v1/token/a", http.StatusOK)
	n.becomes("services: {}\n")
	n.gets(n.connect("s"), "/v1/token/a", http.StatusNotFound)
}

func TestAConfigurationThatCrashesItsReaderEndsNothing(t *testing.T) {
	n := startReloading(t, oneSocket+serviceA, nil)
	load := n.load
	n.load = func() (*config.Config, error) { panic("canary") }
	_, err := n.ask(t.Context())
	if err == nil || err.Error() != "panic of type string" {
		t.Errorf("error %v", err)
	}
	if !n.logged(logrus.ErrorLevel, "reading the configuration crashed") {
		t.Error("the log says nothing of it")
	}
	n.load = load
	n.gets(n.connect("s"), "/v1/token/a", http.StatusOK)
	n.must()
}

func TestWhoAsksForAReloadThatHasNotBegunIsToldSo(t *testing.T) {
	n := startReloading(t, oneSocket+serviceA, nil)
	begun, finish := make(chan struct{}), make(chan struct{})
	load := n.load
	n.load = func() (*config.Config, error) {
		close(begun)
		<-finish
		return load()
	}
	first := make(chan error, 1)
	go func() {
		_, err := n.ask(context.WithoutCancel(t.Context()))
		first <- err
	}()
	<-begun
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := n.ask(short); !errors.Is(err, errBusy) || !errors.Is(err, messages.ErrTimeout) {
		t.Errorf("error %v", err)
	}
	close(finish)
	if err := <-first; err != nil {
		t.Error(err)
	}
}
