package e2e

import (
	"net/http/cgi"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// forge serves the repositories in dir to whoever brings a token as the password.
func forge(t *testing.T, idp *idp, dir string) string {
	t.Helper()
	git := need(t, "git")
	where, err := exec.Command(git, "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	backend := filepath.Join(strings.TrimSpace(string(where)), "git-http-backend")
	if _, err := exec.LookPath(backend); err != nil {
		t.Skip("git has no git-http-backend here")
	}
	s := httptest.NewServer(idp.guard(&cgi.Handler{Path: backend, Env: []string{
		"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1", "HOME=" + dir,
	}}))
	t.Cleanup(s.Close)
	return s.URL
}

// git asks tokend for the password, and tells it when the forge refused that: the
// next one is new.
func TestGitClonesAndHasARefusedTokenRenewed(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	idp := newIdP(t)
	n := serve(t, idp, service("forge", 600, ""), "")
	url := forge(t, idp, n.dir)
	n.must(t, `git init -q work && cd work && git -c user.name=a -c user.email=a@b.example commit -q --allow-empty -m first &&
		git clone -q --bare . ../repo.git`)
	n.must(t, "git config --global credential."+url+".helper '!tokend get forge --output git-credential'")
	n.must(t, "git clone -q "+url+"/repo.git copy && git -C copy log --oneline | grep first")
	idp.revoke()
	if said, err := n.sh(t, "GIT_TERMINAL_PROMPT=0 git -C copy fetch"); err == nil {
		t.Fatalf("the forge accepts a token that was revoked: %s", said)
	}
	n.must(t, "GIT_TERMINAL_PROMPT=0 git -C copy fetch")
	if taken, _ := idp.counts(); taken != 2 {
		t.Errorf("%d tokens were accepted, want the first and its successor", taken)
	}
}
