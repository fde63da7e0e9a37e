package e2e

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/tools/clientcmd"
)

const kubeconfig = `apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: test}}]
clusters: [{name: test, cluster: {server: %q, certificate-authority-data: %s}}]
users:
  - name: test
    user:
      exec:
        apiVersion: client.authentication.k8s.io/v1
        command: %s
        args: [get, cluster, --output, exec-credential, --addr, %q]
        interactiveMode: Never
`

// What is built with client-go runs tokend for its credential, and again when that
// has died.
func TestClientGoRunsTokendForItsCredential(t *testing.T) {
	t.Parallel()
	idp := newIdP(t)
	n := serve(t, idp, service("cluster", 3, ""), "")
	api := httptest.NewTLSServer(idp.guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"major":"1","minor":"99","gitVersion":"v1.99.0+%s"}`, strings.Trim(r.URL.Path, "/"))
	})))
	t.Cleanup(api.Close)
	ca := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw}))
	file := filepath.Join(n.dir, "kubeconfig")
	write(t, file, fmt.Sprintf(kubeconfig, api.URL, ca, tokend(t), "unix://"+n.socket))
	cfg, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		t.Fatal(err)
	}
	client, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		version, err := client.ServerVersion()
		if err != nil || version.GitVersion != "v1.99.0+version" {
			t.Fatalf("%+v, %v", version, err)
		}
		until(t, "tokens do not die", func() bool { return !idp.anyAccepted() })
	}
	if taken, refused := idp.counts(); taken != 3 || refused != 0 {
		t.Errorf("%d tokens were accepted, %d requests refused", taken, refused)
	}
}

// anyAccepted reports whether a token lives that was accepted once.
func (i *idp) anyAccepted() bool {
	i.mu.Lock()
	taken := slices.Collect(maps.Keys(i.taken))
	i.mu.Unlock()
	return slices.ContainsFunc(taken, i.lives)
}
