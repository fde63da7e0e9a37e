package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// documented is what docs/http.md has for nginx.
var documented = regexp.MustCompile("(?s)```nginx\n(.*?)```")

// worker returns the line of nginx's configuration that names the user of its
// workers, and that user's number. Only root chooses one.
func worker(t *testing.T) (line, uid string) {
	t.Helper()
	if os.Getuid() != 0 {
		return "", strconv.Itoa(os.Getuid())
	}
	for _, name := range []string{"www-data", "nginx", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			return "user " + name + ";\n", u.Uid
		}
	}
	t.Skip("there is no user for nginx's workers here")
	return "", ""
}

// nginx asks the node before it passes a request on, as another user than the
// node's, and with the configuration that the documentation has.
func TestNginxAsksForTheTokenOfEachRequest(t *testing.T) {
	t.Parallel()
	program, idp := need(t, "nginx"), newIdP(t)
	user, uid := worker(t)
	large := strings.Repeat("t", 20_000)
	idp.know(large)
	n := serve(t, idp, service("billing", 4, "")+service("other", 60, "")+"  large: {provider: static, token: "+large+"}\n", fmt.Sprintf(`
listen: [{address: "unix://SOCKET", mode: "0666"}]
clients:
  - {name: nginx, uid: %s, grants: [{services: [billing, large], verbs: [get]}]}
`, uid))
	text, err := os.ReadFile("../../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	block := documented.FindStringSubmatch(string(text))
	if block == nil {
		t.Fatal("docs/http.md has no block for nginx")
	}
	at := freePort(t)
	locations := strings.NewReplacer("https://api.billing.example/", idp.upstream(t, "invoices").URL+"/", "/run/tokend/tokend.sock", n.socket).Replace(block[1])
	denied := strings.NewReplacer("/api/", "/denied/", "/_token", "/_other", "authorize/billing", "authorize/other").Replace(locations)
	wide := strings.NewReplacer("/api/", "/large/", "/_token", "/_large", "authorize/billing", "authorize/large").Replace(locations)
	conf := filepath.Join(n.dir, "nginx.conf")
	write(t, conf, user+fmt.Sprintf(`daemon off;
error_log stderr;
pid %[1]s/pid;
events {}
http {
    access_log off;
    client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s1;
    server { listen %[2]s;
%[3]s%[4]s%[5]s    }
}
`, n.dir, at, locations, denied, wide))
	nginx := start(t, program, []string{"-c", conf, "-e", "stderr"}, nil)
	nginx.until(t, "nginx does not answer", func() bool { status, _ := ask("http://" + at + "/"); return status != 0 })
	if status, body := ask("http://" + at + "/denied/7"); status != http.StatusForbidden {
		t.Errorf("without a grant: %d %q", status, body)
	}
	if status, body := ask("http://" + at + "/large/7"); status != http.StatusOK || body != "invoices" {
		t.Errorf("with a token of 20 KB: %d %q", status, body)
	}
	until(t, "there are no three tokens", func() bool {
		if status, body := ask("http://" + at + "/api/7?all=1"); status != http.StatusOK || body != "invoices" {
			t.Fatalf("%d %q", status, body)
		}
		taken, _ := idp.counts()
		return taken >= 3
	})
	if _, refused := idp.counts(); refused != 0 {
		t.Errorf("%d requests were refused", refused)
	}
}

// ask asks as a web page does, with headers that the node is not to get. The status is 0 if
// nobody answers.
func ask(target string) (status int, body string) {
	req, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		return 0, ""
	}
	req.Header.Set("Origin", "https://page.example")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	req.Header.Set("X-Large", strings.Repeat("x", 7<<10)) // the node takes no more headers than this
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}
