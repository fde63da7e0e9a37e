package sink

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// helperEnv is set in the processes that are killed: to the path of the file.
const helperEnv = "TOKEND_KILL_SINK"

// kills is how many are.
const kills = 20

// replaceForEver replaces the file without end: each content tells how long it is. It
// says so when it has done it once.
func replaceForEver(path string) {
	f := &file{dir: filepath.Dir(path), name: filepath.Base(path), mode: 0o600, owner: nobody}
	if err := f.adopt(); err != nil {
		panic(err)
	}
	for once := false; ; {
		content := selfDescribing(rand.N(200_000))
		if err := f.replace(content, heldOf(string(content), time.Time{})); err != nil {
			panic(err)
		}
		if !once {
			once = true
			fmt.Println("begun")
		}
	}
}

func selfDescribing(n int) []byte {
	return append([]byte(strconv.Itoa(n)+":"), bytes.Repeat([]byte("x"), n)...)
}

func isWhole(content []byte) bool {
	length, _, _ := bytes.Cut(content, []byte(":"))
	n, err := strconv.Atoi(string(length))
	return err == nil && bytes.Equal(content, selfDescribing(n))
}

// TestAReaderNeverSeesAPart kills one writer after the other, at any moment, while a
// reader reads.
func TestAReaderNeverSeesAPart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	reads := 0
	for range kills {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), helperEnv+"="+path)
		var said bytes.Buffer
		cmd.Stderr = &said
		begun, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- kill(cmd, begun) }()
		reads += readUntilKilled(t, path, ended)
		if strings.Contains(said.String(), "panic") {
			t.Fatalf("the writer ended by itself:\n%s", &said)
		}
	}
	if reads == 0 {
		t.Error("nothing was ever read")
	}
	f := &file{dir: filepath.Dir(path), name: "token", mode: 0o600, owner: nobody}
	if err := f.adopt(); err != nil || !f.held.there {
		t.Errorf("the last file is not known again: %v", err)
	}
	if entries, err := os.ReadDir(f.dir); err != nil || len(entries) != 2 {
		t.Errorf("left: %v, %v", entries, err)
	}
	t.Logf("%d kills, %d reads", kills, reads)
}

// kill kills a writer at some moment after it has begun, however long that takes it.
func kill(cmd *exec.Cmd, begun io.Reader) error {
	_, _ = begun.Read(make([]byte, 1)) // one that ends before that says why elsewhere
	bullet := time.AfterFunc(rand.N(150*time.Millisecond), func() { _ = cmd.Process.Kill() })
	defer bullet.Stop()
	return cmd.Wait()
}

// readUntilKilled reads the file while its writer lives, which is not for long.
func readUntilKilled(t *testing.T, path string, ended <-chan error) (reads int) {
	for {
		content, err := os.ReadFile(path)
		switch {
		case os.IsNotExist(err) && reads == 0: // not yet the first time
		case err != nil || !isWhole(content):
			t.Errorf("read %d bytes that are no whole, %v", len(content), err)
		default:
			reads++
		}
		select {
		case <-ended:
			return reads
		default:
		}
	}
}
