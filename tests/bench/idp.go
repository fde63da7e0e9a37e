package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// idpEnv is set in the process that is an identity provider.
const idpEnv = "TOKEND_BENCH_IDP"

// idp is an identity provider in a process of its own.
type idp struct {
	url   string
	cmd   *exec.Cmd
	stdin io.Closer // whose end ends it
}

// startIDP starts this program again, as an identity provider.
func startIDP() (*idp, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env, cmd.Stderr = append(os.Environ(), idpEnv+"=1"), os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	i := &idp{cmd: cmd, stdin: stdin}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_ = i.stop()
		return nil, fmt.Errorf("the identity provider says nothing: %w", err)
	}
	i.url = strings.TrimSpace(line)
	return i, nil
}

// stop ends the process.
func (i *idp) stop() error {
	_ = i.stdin.Close()
	return i.cmd.Wait()
}

// beIDP hands out tokens until stdin ends.
func beIDP() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(issueBriefly), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	fmt.Printf("http://%s/\n", l.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	return server.Close()
}

func issueBriefly(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"access_token":"%s","token_type":"Bearer","expires_in":%d}`, newToken(200), refreshLife/time.Second)
}
