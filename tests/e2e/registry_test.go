package e2e

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// warehouse is a registry that wants a token as the password, and whom a node helps
// with it as docs/doors.md says.
type warehouse struct {
	*idp
	node *node
	tag  name.Tag
	made v1.Hash
}

// stock makes a warehouse with one image, whose tokens live for so many seconds. The
// image is put in by go-containerregistry itself.
func stock(t *testing.T, life int) *warehouse {
	t.Helper()
	w := &warehouse{idp: newIdP(t)}
	w.node = serve(t, w.idp, service("registry", life, ""), "")
	s := httptest.NewServer(challenge(w.guard(registry.New(registry.Logger(log.New(io.Discard, "", 0))))))
	t.Cleanup(s.Close)
	host := strings.TrimPrefix(s.URL, "http://")
	w.help(t, host)
	var err error
	if w.tag, err = name.NewTag(host + "/app:1"); err != nil {
		t.Fatal(err)
	}
	image, err := random.Image(1024, 2)
	if err == nil {
		w.made, err = image.Digest()
	}
	if err == nil {
		password := w.node.must(t, "tokend get registry")
		err = remote.Write(w.tag, image, remote.WithAuth(&authn.Basic{Username: "oauth2accesstoken", Password: password}))
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// help sets the helper up that docs/doors.md tells to, for the user whose home is the
// node's directory. There is no other credential.
func (w *warehouse) help(t *testing.T, host string) {
	t.Helper()
	for _, dir := range []string{"bin", ".docker"} {
		if err := os.Mkdir(filepath.Join(w.node.dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	script := filepath.Join(w.node.dir, "bin", "docker-credential-forge")
	write(t, script, "#!/bin/sh\nexec tokend get registry --output docker-credential \"$1\"\n")
	if err := os.Chmod(script, 0o700); err != nil {
		t.Fatal(err)
	}
	w.helped(t, host)
}

// helped makes host the registry that the helper is for.
func (w *warehouse) helped(t *testing.T, host string) {
	t.Helper()
	write(t, filepath.Join(w.node.dir, ".docker", "config.json"), fmt.Sprintf(`{"credHelpers": {%q: "forge"}}`, host))
}

// challenge tells whoever brings no credential at all which are wanted. All that ask a
// registry begin so, and it is none that was refused.
func challenge(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		w.WriteHeader(http.StatusUnauthorized)
	})
}

// judge says what is wrong when at least so many tokens should have been accepted.
func (w *warehouse) judge(t *testing.T, tokens int) {
	t.Helper()
	if taken, refused := w.counts(); taken < tokens || refused != 0 {
		t.Errorf("%d tokens were accepted, %d requests refused", taken, refused)
	}
}

// What is built with go-containerregistry, such as crane, ko and kaniko, runs the
// helper, and again when the token has died. It reads the environment of its own
// process, so this test is not a parallel one.
func TestGoContainerRegistryRunsTheHelper(t *testing.T) {
	w := stock(t, 2)
	for _, entry := range append(w.node.env(t), "DOCKER_CONFIG="+filepath.Join(w.node.dir, ".docker")) {
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value)
	}
	t.Setenv("PATH", filepath.Join(w.node.dir, "bin")+":"+os.Getenv("PATH"))
	until(t, "there are no three tokens", func() bool {
		image, err := remote.Image(w.tag, remote.WithAuthFromKeychain(authn.DefaultKeychain))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := image.Digest(); err != nil || got != w.made {
			t.Fatalf("%v, %s", err, got)
		}
		taken, _ := w.counts()
		return taken >= 3
	})
	w.judge(t, 3)
}

// Programs that read docker's configuration run the helper that it names for the
// registry, and get in by nothing else.
func TestProgramsThatReadDockersConfigurationRunTheHelper(t *testing.T) {
	for program, line := range map[string]string{
		"skopeo": "skopeo inspect --tls-verify=false --format {{.Digest}} docker://%s",
		"docker": `docker manifest inspect --insecure --verbose %s | grep -o '"digest": "sha256:[0-9a-f]*"' | head -n 1 | cut -d '"' -f 4`,
	} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			need(t, "bash")
			need(t, program)
			w := stock(t, 60)
			line := `PATH="$HOME/bin:$PATH"; ` + fmt.Sprintf(line, w.tag)
			if got := w.node.must(t, line); got != w.made.String() {
				t.Errorf("%q is not the image", got)
			}
			w.judge(t, 1)
			w.helped(t, "registry.example")
			if said, err := w.node.sh(t, "set -o pipefail; "+line); err == nil {
				t.Errorf("without the helper: %s", said)
			}
		})
	}
}
