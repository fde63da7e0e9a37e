package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tokend/config"
)

func TestSinks(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "t.tmpl"), []byte("{{ token }}"), 0o600); err != nil {
		t.Fatal(err)
	}
	const text = `
services:
  s:
    provider: static
    token: hush
    sinks:
      - {path: run/token, mode: "0640", owner: "www:www", when_expired: keep, on_stop: remove}
      - {path: /a/env, format: env, name: TOKEN, on_change: {exec: [/bin/true, a b], timeout: 3s}}
      - {path: b, format: template, template_file: t.tmpl, on_change: {signal: {pid_file: pid, signal: USR1}}}
      - {path: c, format: template, template: "x${env:A} {{ token }}"}
`
	c, err := config.Parse([]byte(text), config.WithDir(dir), environ("A=b"))
	if err != nil {
		t.Fatal(err)
	}
	sinks := *c.Services["s"].Sinks
	if s := sinks[0]; s.Path != filepath.Join(dir, "run/token") || s.Mode != 0o640 || s.Owner != "www:www" || s.WhenExpired != "keep" || s.OnStop != "remove" {
		t.Errorf("%+v", s)
	}
	if s := sinks[1]; s.Path != "/a/env" || s.Name != "TOKEN" || len(s.OnChange.Exec) != 2 || s.OnChange.Timeout != 3*time.Second {
		t.Errorf("%+v", s)
	}
	if s := sinks[2].OnChange.Signal; s.PIDFile != filepath.Join(dir, "pid") || s.Signal != "USR1" {
		t.Errorf("%+v", s)
	}
	for i, want := range map[int]string{0: "", 2: "{{ token }}", 3: "xb {{ token }}"} {
		if got, err := sinks[i].TemplateText(); err != nil || got.Reveal() != want {
			t.Errorf("%d: %q, %v", i, got.Reveal(), err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "t.tmpl")); err != nil {
		t.Fatal(err)
	}
	if _, err := sinks[2].TemplateText(); err == nil || !strings.HasPrefix(err.Error(), "template_file: ") {
		t.Errorf("err = %v", err)
	}
	if _, err := (&config.Sink{Template: config.NewSecret("${env:TOKEND_TEST_NOT_SET}")}).TemplateText(); err == nil {
		t.Error("no error")
	}
}

func TestTheExampleOfSinksLoads(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "sinks.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	c, err := config.Parse([]byte(example), environ("BILLING_SECRET=hush"))
	if err != nil || len(*c.Services["billing"].Sinks) != 3 {
		t.Errorf("%v in\n%s", err, example)
	}
}

func TestSinksThatCannotBe(t *testing.T) {
	with := func(sinks ...config.Sink) func(c *config.Config) {
		return change("static", func(s *config.Service) { s.Sinks = &sinks })
	}
	one := func(spoil func(s *config.Sink)) func(c *config.Config) {
		s := config.Sink{Path: "/run/x/token"}
		spoil(&s)
		return with(s)
	}
	hook := func(o config.OnChange) func(c *config.Config) {
		return one(func(s *config.Sink) { s.OnChange = &o })
	}
	run := []string{"/bin/true"}
	for name, tc := range map[string]struct {
		spoil func(c *config.Config)
		want  string
	}{
		"none":             {with(), ""},
		"good":             {one(func(*config.Sink) {}), ""},
		"too many":         {with(make([]config.Sink, 17)...), "services.static.sinks: must be at most 16"},
		"no path":          {with(config.Sink{}), "services.static.sinks[0].path: required"},
		"a line break":     {with(config.Sink{Path: "/a\nb"}), "services.static.sinks[0].path: must not hold control characters"},
		"a directory":      {with(config.Sink{Path: "/run/x/"}), "services.static.sinks[0].path: must be the path of a file"},
		"a dot":            {with(config.Sink{Path: "/run/.."}), "services.static.sinks[0].path: must be the path of a file"},
		"a long name":      {with(config.Sink{Path: "/" + strings.Repeat("x", 201)}), "services.static.sinks[0].path: the name of the file may have 200 bytes"},
		"a format":         {one(func(s *config.Sink) { s.Format = "xml" }), "services.static.sinks[0].format: must be one of token, header, json, env, template"},
		"a choice":         {one(func(s *config.Sink) { s.OnStop = "burn" }), "services.static.sinks[0].on_stop: must be one of remove, keep"},
		"another choice":   {one(func(s *config.Sink) { s.WhenExpired = "burn" }), "services.static.sinks[0].when_expired: must be one of remove, keep"},
		"a name":           {one(func(s *config.Sink) { s.Name = "X" }), "services.static.sinks[0].name: belongs to format env"},
		"a bad name":       {one(func(s *config.Sink) { s.Format, s.Name = "env", "a-b" }), "services.static.sinks[0].name: must be the name of a variable"},
		"setuid":           {one(func(s *config.Sink) { s.Mode = os.ModeSetuid | 0o600 }), "services.static.sinks[0].mode: must be permission bits only"},
		"for all to write": {one(func(s *config.Sink) { s.Mode = 0o666 }), "services.static.sinks[0].mode: must not let everybody write"},
		"for all to read":  {one(func(s *config.Sink) { s.Mode = 0o644 }), ""},
		"for nobody":       {one(func(s *config.Sink) { s.Mode = 0o040 }), "services.static.sinks[0].mode: must let the owner read"},
		"an owner":         {one(func(s *config.Sink) { s.Owner = "a:b:c" }), "services.static.sinks[0].owner: must be USER"},
		"a template":       {one(func(s *config.Sink) { s.Template = config.NewSecret("x") }), "services.static.sinks[0]: template and template_file belong to format template"},
		"no template":      {one(func(s *config.Sink) { s.Format = "template" }), "services.static.sinks[0]: must have one of template and template_file"},
		"no template file": {one(func(s *config.Sink) { s.Format, s.TemplateFile = "template", "/nowhere/x" }), "services.static.sinks[0].template_file: no such file"},
		"no variable": {one(func(s *config.Sink) {
			s.Format, s.Template = "template", config.NewSecret("${env:TOKEND_TEST_NOT_SET}")
		}), "services.static.sinks[0].template: ${env:TOKEND_TEST_NOT_SET}: not set"},
		"no hook":        {hook(config.OnChange{}), "services.static.sinks[0].on_change: must have exactly one of exec and signal"},
		"two hooks":      {hook(config.OnChange{Exec: run, Signal: &config.Signal{PIDFile: "/p"}}), "services.static.sinks[0].on_change: must have exactly one of exec and signal"},
		"a shell's line": {hook(config.OnChange{Exec: []string{"true"}}), "services.static.sinks[0].on_change.exec[0]: must be the absolute path of a program"},
		"many arguments": {hook(config.OnChange{Exec: append(run, make([]string, 64)...)}), "services.static.sinks[0].on_change.exec: must be at most 64"},
		"a NUL":          {hook(config.OnChange{Exec: append(run, "a\x00")}), "services.static.sinks[0].on_change.exec[1]: must not hold a NUL"},
		"a long time":    {hook(config.OnChange{Exec: run, Timeout: time.Hour}), "services.static.sinks[0].on_change.timeout: must be longer than 0s and at most 5m"},
		"a timeout":      {hook(config.OnChange{Timeout: time.Second, Signal: &config.Signal{PIDFile: "/p"}}), "services.static.sinks[0].on_change.timeout: belongs to exec"},
		"no pid file":    {hook(config.OnChange{Signal: &config.Signal{}}), "services.static.sinks[0].on_change.signal.pid_file: required"},
		"a signal":       {hook(config.OnChange{Signal: &config.Signal{PIDFile: "/p", Signal: "KILL"}}), "services.static.sinks[0].on_change.signal.signal: must be one of HUP"},
	} {
		c := valid()
		tc.spoil(c)
		err := c.Validate()
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tc.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSinksOnOtherFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"hush": "token", "key": strings.Repeat("6b", 32), "c": "no certificate", "k": "no key"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct{ text, want string }{
		"two sinks":      {`sinks: [{path: a}, {path: ./b/../a}]`, "services.s.sinks[1].path: is the file of another sink"},
		"through a link": {`sinks: [{path: real/a}, {path: link/a}]`, "services.s.sinks[1].path: is the file of another sink"},
		"the vault":      {"sinks: [{path: v}]\nvault: {path: v, keys: [" + strings.Repeat("6b", 32) + "]}", "services.s.sinks[0].path: is the file of the vault"},
		"a socket":       {"sinks: [{path: s}]\nlisten: [\"unix://DIR/s\"]", "services.s.sinks[0].path: is the file of a listener"},
		"its lock":       {"sinks: [{path: s.lock}]\nlisten: [\"unix://DIR/s\"]", "services.s.sinks[0].path: is the file of a listener"},
		"a digest":       {`sinks: [{path: .a.tokend}, {path: a}]`, "services.s.sinks[0].path: is the file of another sink"},
		"a pid file":     {`sinks: [{path: p, on_change: {signal: {pid_file: p}}}]`, "services.s.sinks[0].path: is the file of a pid"},
		"a template":     {`sinks: [{path: tokend.yaml, format: template, template_file: tokend.yaml}]`, "services.s.sinks[0].path: is the file of a template"},
		"a vault's key":  {"sinks: [{path: key}]\nvault: {path: v, keys: [\"${file:key}\"]}", "services.s.sinks[0].path: is the file of a key of the vault"},
		"what it reads":  {`sinks: [{path: ./hush}]`, "services.s.sinks[0].path: is a file that the service itself reads"},
		"the audit":      {"sinks: [{path: a}]\naudit: {path: a}", "services.s.sinks[0].path: is the file of the audit"},
		"a certificate":  {"sinks: [{path: c}]\nlisten: [{address: \"tcp://127.0.0.1:0\", tls: {cert_file: c, key_file: k}}]", "services.s.sinks[0].path: is the file of a TLS setting"},
		"its key":        {"sinks: [{path: k}]\nlisten: [{address: \"tcp://127.0.0.1:0\", tls: {cert_file: c, key_file: k}}]", "services.s.sinks[0].path: is the file of a TLS setting"},
		"itself":         {`sinks: [{path: tokend.yaml}]`, "services.s.sinks[0].path: is the file of the configuration"},
	} {
		t.Run(name, func(t *testing.T) {
			service, rest, _ := strings.Cut(c.text, "\n")
			text := strings.ReplaceAll(rest+"\nservices: {s: {provider: static, token: \"${file:hush}\", "+service+"}}", "DIR", dir)
			file := filepath.Join(dir, "tokend.yaml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := config.Load(file); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("err = %v", err)
			}
		})
	}
}
