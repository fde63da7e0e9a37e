package kill

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"tokend/actors/vault/disk"
	"tokend/messages"
)

// countOf returns how many processes to kill.
func countOf(t *testing.T, env string, few int) int {
	t.Helper()
	text := os.Getenv(env)
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", env, err)
	}
	return n
}

// victim is a process that is to be killed.
type victim struct {
	*testing.T
	cmd  *exec.Cmd
	said *bufio.Scanner
	log  bytes.Buffer
	dead chan struct{} // closed when it is
}

// start starts this program again, as what env says.
func start(t *testing.T, env ...string) *victim {
	t.Helper()
	v := &victim{T: t, cmd: exec.CommandContext(t.Context(), os.Args[0]), dead: make(chan struct{})}
	v.cmd.Env = append(os.Environ(), env...)
	v.cmd.Stderr = &v.log
	said, err := v.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	v.said = bufio.NewScanner(said)
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *victim) kill() { _ = v.cmd.Process.Kill() }

// listen hears every line until the process is dead.
func (v *victim) listen(hear func(line string)) {
	v.Helper()
	for v.said.Scan() {
		hear(v.said.Text())
	}
	if err := v.cmd.Wait(); err == nil {
		v.Errorf("the node ended by itself\n%s", &v.log)
	}
	close(v.dead)
	if strings.Contains(v.log.String(), canary) {
		v.Errorf("a secret in the log:\n%s", &v.log)
	}
}

// fileOf returns what is in the file, nothing if it was not made yet.
func fileOf(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil || bytes.Contains(text, []byte(canary)) {
		t.Errorf("a secret in the file, or %v", err)
	}
	return text
}

func keyOf(t *testing.T) disk.Key {
	t.Helper()
	k, err := disk.ParseKey(messages.NewSecret(key))
	if err != nil {
		t.Fatal(err)
	}
	return k
}
