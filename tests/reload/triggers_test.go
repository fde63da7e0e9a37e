package reload

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const (
	reloaded = "configuration reloaded"
	refused  = "configuration refused: the one before stays"
)

func at(dir string) string { return "listen: [\"unix://" + dir + "/s\"]\n" }

func (n *node) hangUp() {
	n.Helper()
	if err := n.process.Signal(syscall.SIGHUP); err != nil {
		n.Fatal(err)
	}
}

// awaitBy waits for a message about what came of that trigger.
func (n *node) awaitBy(text, by string) (until []entry) {
	n.Helper()
	return n.awaitAny(by, text)
}

// awaitAny waits for one of the messages about what came of that trigger.
func (n *node) awaitAny(by string, texts ...string) (until []entry) {
	n.Helper()
	for {
		said := n.await(texts...)
		until = append(until, said...)
		if said[len(said)-1].By == by {
			return until
		}
	}
}

func (n *node) serves(service string) {
	n.Helper()
	if status, body := n.ask(http.MethodGet, "/v1/token/"+service); status != http.StatusOK {
		n.Errorf("%s: status %d, %s", service, status, body)
	}
}

func TestAHangupReloads(t *testing.T) {
	dir := place(t)
	put(t, filepath.Join(dir, "c.yaml"), at(dir)+"services:\n"+static("a"))
	n := start(t, dir, "c.yaml")
	n.write(at(dir) + "services:\n" + static("a", "b"))
	n.hangUp()
	n.awaitBy(reloaded, "SIGHUP")
	n.serves("a")
	n.serves("b")
}

func TestAHangupWithABrokenFileChangesNothing(t *testing.T) {
	dir := place(t)
	put(t, filepath.Join(dir, "c.yaml"), at(dir)+"services:\n"+static("a"))
	n := start(t, dir, "c.yaml")
	n.write("log: {level: loud}\n" + at(dir) + "services:\n" + static("b") + "  c: {provider: static}\n")
	n.hangUp()
	var errors []string
	for _, e := range n.awaitBy(refused, "SIGHUP") {
		if e.Level == "error" && e.By == "SIGHUP" {
			errors = append(errors, e.Msg)
		}
	}
	if len(errors) != 3 || !strings.HasPrefix(errors[0], "log.level: ") || !strings.HasPrefix(errors[1], "services.c.token: ") {
		t.Errorf("the log says %q", errors)
	}
	n.serves("a")
	if status, _ := n.ask(http.MethodGet, "/v1/token/b"); status != http.StatusNotFound {
		t.Errorf("a service of the refused configuration: status %d", status)
	}
	if _, metrics := n.ask(http.MethodGet, "/metrics"); !strings.Contains(metrics, "\ntokend_config_reload_successful 0\n") {
		t.Error("the metrics say nothing of it")
	}
}

func TestAFileThatIsReplacedIsLoaded(t *testing.T) {
	dir := place(t)
	put(t, filepath.Join(dir, "c.yaml"), at(dir)+"services:\n"+static("a"))
	n := start(t, dir, "c.yaml")
	n.write(at(dir) + "services:\n" + static("a", "b"))
	said := n.awaitBy(reloaded, "file")
	if last := said[len(said)-1]; last.Added != 1 || last.Removed != 0 || last.Changed != 0 {
		t.Errorf("the log says %+v", last)
	}
	n.serves("b")
}

// Kubernetes makes a new directory and swaps a symbolic link in the middle of the path.
func TestALinkThatIsSwappedIsFollowed(t *testing.T) {
	dir := place(t)
	for name, services := range map[string]string{"..1": static("a"), "..2": static("b")} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, name, "c.yaml"), at(dir)+"services:\n"+services)
	}
	link := func(to, from string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			t.Fatal(err)
		}
	}
	link("..1", "..data")
	link("..data/c.yaml", "c.yaml")
	n := start(t, dir, "c.yaml")
	link("..2", "..data_tmp")
	if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	said := n.awaitBy(reloaded, "file")
	if last := said[len(said)-1]; last.Added != 1 || last.Removed != 1 {
		t.Errorf("the log says %+v", last)
	}
	n.serves("b")
}

func TestAFileThatIsGoneIsToldOnceAndTakenWhenItIsBack(t *testing.T) {
	dir := place(t)
	put(t, filepath.Join(dir, "c.yaml"), at(dir)+"services:\n"+static("a"))
	n := start(t, dir, "c.yaml")
	if err := os.Remove(n.file); err != nil {
		t.Fatal(err)
	}
	n.awaitBy(refused, "file")
	n.serves("a")
	n.write(at(dir) + "services:\n" + static("a", "b"))
	for _, e := range n.awaitBy(reloaded, "file") {
		if e.Msg == refused {
			t.Error("it is told again")
		}
	}
	n.serves("b")
}
