package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func document(t *testing.T) string {
	t.Helper()
	return documentOf(t, "configuration.md")
}

func documentOf(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// documented is what the document says about a key.
type documented struct{ typ, preset string }

// requiredKeys are those without which there is an error where they may stand.
var requiredKeys = []string{
	"listen[].address", "listen[].tls.cert_file", "listen[].tls.key_file",
	"clients[].name", "clients[].grants", "clients[].grants[].verbs", "services.NAME.provider",
	"services.NAME.refresh_token", "services.NAME.fallback.provider", "services.NAME.username", "services.NAME.password", "services.NAME.assertion.key", "services.NAME.steps[].request", "services.NAME.request.url", "services.NAME.response.token", "services.NAME.token",
	"services.NAME.path", "services.NAME.command",
	"services.NAME.sinks[].path", "services.NAME.sinks[].on_change.signal.pid_file",
}

// keysOf adds the keys below t to out, as the document writes them. Settings are
// documented once, under defaults, and so are the keys of each kind.
func keysOf(out map[string]documented, path string, t reflect.Type) {
	settings := schema[reflect.TypeFor[Settings]()]
	for _, f := range schema[t] {
		at := strings.TrimPrefix(path+"."+f.key, ".")
		isSetting := slices.ContainsFunc(settings, func(s field) bool { return s.key == f.key })
		switch {
		case isSetting && t == reflect.TypeFor[Service]():
		case f.kind != "" && t == reflect.TypeFor[Fallback]():
		case f.typ == reflect.TypeFor[*Fallback]():
			out[at] = documented{"map", preset(at, f)}
			keysOf(out, at, f.typ.Elem())
		case f.typ == reflect.TypeFor[map[string]Service]():
			keysOf(out, at+".NAME", f.typ.Elem())
		case f.typ.Kind() == reflect.Slice && schema[f.typ.Elem()] != nil:
			out[at] = documented{"list", preset(at, f)}
			keysOf(out, at+"[]", f.typ.Elem())
		case f.typ == reflect.TypeFor[*[]Sink]():
			out[at] = documented{"list", preset(at, f)}
			keysOf(out, at+"[]", f.typ.Elem().Elem())
		case f.typ == reflect.TypeFor[[]Step]():
			out[at] = documented{"list", preset(at, f)}
			keysOf(out, at+"[]", f.typ.Elem())
		case f.typ == reflect.TypeFor[Request]() && t == reflect.TypeFor[Step](): // documented once
			out[at] = documented{"map", preset(at, f)}
		case f.typ == reflect.TypeFor[map[string]Capture]():
			keysOf(out, at+".NAME", f.typ.Elem())
		case f.typ.Kind() == reflect.Pointer && schema[f.typ.Elem()] != nil:
			keysOf(out, at, f.typ.Elem())
		case schema[f.typ] != nil:
			keysOf(out, at, f.typ)
		default:
			out[at] = documented{typeName(f.typ), preset(at, f)}
		}
	}
}

func preset(path string, f field) string {
	switch {
	case slices.Contains(requiredKeys, path):
		return "required"
	case f.preset == "":
		return "–"
	default:
		return "`" + f.preset + "`"
	}
}

func typeName(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return map[reflect.Type]string{
		reflect.TypeFor[string]():        "text",
		reflect.TypeFor[int]():           "number",
		reflect.TypeFor[uint32]():        "number",
		reflect.TypeFor[bool]():          "true or false",
		reflect.TypeFor[time.Duration](): "duration",
		reflect.TypeFor[time.Time]():     "time",
		reflect.TypeFor[fs.FileMode]():   "octal",
		reflect.TypeFor[[]string]():      "list of texts",
		reflect.TypeFor[[]int]():         "list of numbers",
		reflect.TypeFor[Secret]():        "secret",
		reflect.TypeFor[[]Secret]():      "list of secrets",
		reflect.TypeFor[Secrets]():       "map of secrets",
		reflect.TypeFor[Tree]():          "tree",
	}[t]
}

func TestTheDocumentHasEveryKeyAndNoOther(t *testing.T) {
	want := map[string]documented{}
	keysOf(want, "", reflect.TypeFor[Config]())
	got := map[string]documented{}
	row := regexp.MustCompile("(?m)^\\| `([a-z][^`]*)` \\| ([^|]+) \\| ([^|]+) \\|")
	for _, m := range row.FindAllStringSubmatch(document(t), -1) {
		got[m[1]] = documented{m[2], m[3]}
	}
	for path, w := range want {
		if g, ok := got[path]; !ok || g != w {
			t.Errorf("%s: the document says %+v, the decoder %+v", path, g, w)
		}
	}
	for path := range got {
		if _, ok := want[path]; !ok {
			t.Errorf("%s is documented, but there is no such key", path)
		}
	}
}

// isOther are the examples in YAML that are no configuration of tokend, by how they
// begin, and whose they are.
var isOther = map[string]string{"scrape_configs:": "Prometheus"}

// filesOfExamples makes what the examples refer to, and returns where.
func filesOfExamples(t *testing.T) string {
	t.Helper()
	dir, keys := t.TempDir(), SelfSigned(t)
	for _, name := range []string{"secrets", "tls", "run"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{
		"secrets/billing", "secrets/mailbox", "secrets/archive", "secrets/google.json", "secrets/erp", "secrets/legacy", "secrets/acme",
		"password", "login", "service-account.json",
	} {
		write(t, dir, name, "hush\n")
	}
	for name, text := range map[string]string{
		"tls/ca.pem": keys["ca.pem"], "tls/client.pem": keys["client.pem"], "tls/client.key": keys["client.key"],
		"tls/server.pem": keys["client.pem"], "tls/server.key": keys["client.key"], "client.key": keys["client.key"],
		"vault.key": strings.Repeat("0", 64),
	} {
		write(t, dir, name, text)
	}
	return dir
}

// An example that does not load is none.
func TestEveryExampleOfTheDocumentsLoads(t *testing.T) {
	dir := filesOfExamples(t)
	env := environ("BILLING_SECRET=hush", "CLIENT_ID=probe", "CLIENT_SECRET=hush", "LEGACY_TOKEN=hush", "APP_SECRET=hush", "ERP_PASSWORD=hush")
	names, err := filepath.Glob(filepath.Join("..", "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	yaml, loaded := regexp.MustCompile("(?s)(?:```yaml|<<'EOF')\n(.*?)\n(?:```|EOF\n)"), 0
	for _, name := range append(names, "../README.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range yaml.FindAllStringSubmatch(string(text), -1) {
			if first, _, _ := strings.Cut(block[1], "\n"); isOther[first] != "" {
				continue
			}
			file := write(t, dir, "tokend.yaml", strings.ReplaceAll(block[1], "/etc/tokend/", ""))
			if _, err := Load(file, WithEnviron(env)); err != nil {
				t.Errorf("%s: %v\nin\n%s", name, err, block[1])
			}
			loaded++
		}
	}
	if loaded < 34 {
		t.Errorf("only %d examples are found", loaded)
	}
}

func TestTheExampleOfAccessHasEveryClientAndVerb(t *testing.T) {
	text := documentOf(t, "access.md")
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(text)
	c, err := Load(write(t, filesOfExamples(t), "tokend.yaml", block[1]), WithEnviron(environ()))
	if err != nil || len(c.Clients) != 5 {
		t.Errorf("%v", err)
	}
	for _, verb := range verbs {
		if !strings.Contains(text, "\n| `"+verb+"` |") {
			t.Errorf("nothing is said about %s", verb)
		}
	}
}

func TestTheDocumentNamesEveryKind(t *testing.T) {
	text := document(t)
	for _, kind := range builtIn {
		if !strings.Contains(text, "\n## "+kind+"\n") {
			t.Errorf("no section on %s", kind)
		}
	}
}

// TestEqualFilesAreDeeplyEqual matters to whoever asks which services a new
// configuration has changed.
func TestEqualFilesAreDeeplyEqual(t *testing.T) {
	text := []byte("services: {s: {provider: login, request: {url: 'https://idp.example', json: {a: 1}}, response: {token: t}, timeout: 1s}}")
	a, errA := Parse(text)
	b, errB := Parse(text)
	if errA != nil || errB != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("%v, %v: not equal", errA, errB)
	}
}
