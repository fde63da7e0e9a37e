package config

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tokend/actors/local"
)

func TestArgumentsOfAKeysCommand(t *testing.T) {
	for command, want := range map[string]string{
		"kms":                              "kms",
		"/usr/bin/kms decrypt --key=a/b:1": "/usr/bin/kms|decrypt|--key=a/b:1",
		`["kms","it's $HOME","", "a b"]`:   "kms|it's $HOME||a b",
		"kms  decrypt":                     "error: " + errPlain.Error(),
		"kms ":                             "error: " + errPlain.Error(),
		" kms":                             "error: " + errPlain.Error(),
		"kms 'a b'":                        "error: " + errPlain.Error(),
		"kms $HOME":                        "error: " + errPlain.Error(),
		"kms a|b":                          "error: " + errPlain.Error(),
		`kms \a`:                           "error: " + errPlain.Error(),
		"kms ü":                            "error: " + errPlain.Error(),
		"[]":                               "error: " + errList.Error(),
		"[":                                "error: " + errList.Error(),
		`["kms",1]`:                        "error: " + errList.Error(),
		`["kms","\u0000"]`:                 "error: " + errList.Error(),
		`[""]`:                             "error: " + errProgram.Error(),
		"./kms":                            "error: " + errProgram.Error(),
		"..":                               "error: " + errProgram.Error(),
		"bin/kms":                          "error: " + errProgram.Error(),
		`["/usr/bin/kms","${env:A"]`:       "/usr/bin/kms|${env:A",
	} {
		argv, err := arguments(command)
		got := strings.Join(argv, "|")
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != want {
			t.Errorf("%s: %s", command, got)
		}
	}
}

// helper has this program be what a key's command runs.
func helper(t *testing.T, args ...string) string {
	t.Helper()
	return "${exec:" + strings.Join(append([]string{os.Args[0], "helper"}, args...), " ") + "}"
}

func keyOf(template string) (string, error) {
	v := Vault{Keys: []Secret{NewSecret(template)}}
	text, err := v.Key(0)
	return text.Reveal(), err
}

func TestAKeyThatACommandPrints(t *testing.T) {
	t.Setenv("KEY_PART", "x")
	for name, c := range map[string]struct{ template, want, failure string }{
		"loses one line break":     {helper(t, "print", `line`), "line", ""},
		"and one only":             {helper(t, "print", "lines"), "line\n", ""},
		"beside other references":  {"<${env:KEY_PART}" + helper(t, "print", "line") + ">", "<xline>", ""},
		"from nothing":             {helper(t, "print", "none"), "", "the command printed nothing: not today"},
		"that is an error":         {helper(t, "exit", "3"), "", "the command exited with code 3: denied"},
		"that shows in a message":  {helper(t, "tell", "3"), "", "the command exited with code 3: its message is withheld"},
		"after too many messages":  {helper(t, "chatter", "3"), "", "the command exited with code 3: its message is withheld"},
		"that is too long":         {helper(t, "flood"), "", "the command printed more than 1 MiB"},
		"in a message of its own":  {helper(t, "other", "q2w3e4"), "", "the command exited with code 3: bad [redacted] for [redacted] of kms in /usr/local/share/secrets"},
		"after a long message":     {helper(t, "long"), "", "the command exited with code 3: …" + strings.Repeat("no ", 65) + "more"},
		"of no program":            {"${exec:/none/such}", "", "the command cannot be run: no such file or directory: is it installed, and its path right?"},
		"of a program not in PATH": {"${exec:tokend-test-none}", "", "the command is not in PATH: install it, or give its absolute path"},
		"by mistake":               {"${exec:kms 'a'}", "", errPlain.Error()},
		"of a file":                {"${file:/none/such}", "", "${file:/none/such}: no such file or directory"},
		"of nothing":               {"", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := keyOf(c.template)
			text := ""
			if err != nil {
				text = strings.TrimPrefix(err.Error(), "${exec:…}: ")
			}
			if got != c.want || text != c.failure {
				t.Errorf("%q, %s", got, text)
			}
		})
	}
}

func TestAKeysCommandThatTakesTooLong(t *testing.T) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	text, err := process.printed(ctx, []string{os.Args[0], "helper", "exit"})
	if err == nil || err.Error() != "the command had not ended after 10s" || text != "" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestAKeysCommandRunsBesideTheConfiguration(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	v := Vault{Keys: []Secret{newSecret(helper(t, "place"), &source{dir: dir})}}
	if text, err := v.Key(0); err != nil || text.Reveal() != dir {
		t.Errorf("%q, %v", text.Reveal(), err)
	}
}

// A key may cost money, or wake somebody: nothing but Key asks for it.
func TestLoadingRunsNoCommand(t *testing.T) {
	dir := t.TempDir()
	mark := filepath.Join(dir, "mark")
	file := write(t, dir, "tokend.yaml", "vault: {path: v, keys: ['"+helper(t, "mark", mark)+"']}")
	c, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(mark); !os.IsNotExist(err) {
		t.Fatalf("it has run: %v", err)
	}
	if text, err := c.Vault.Key(0); err != nil || text.Reveal() != "marked" {
		t.Errorf("%q, %v", text.Reveal(), err)
	}
	if _, err := os.Stat(mark); err != nil {
		t.Error(err)
	}
}

func TestKeysCommandsAreCheckedWhenLoaded(t *testing.T) {
	for text, want := range map[string]string{
		`["${exec:kms 'canary'}"]`:     "vault.keys[0]: ${exec:…}: " + errPlain.Error(),
		`["${exec:./canary}"]`:         "vault.keys[0]: ${exec:…}: " + errProgram.Error(),
		`["${exec:}"]`:                 "vault.keys[0]: " + errReference.Error(),
		`["${env:TOKEND_TEST_NONE}"]`:  "vault.keys[0]: ${env:TOKEND_TEST_NONE}: not set",
		`[""]`:                         "vault.keys[0]: required",
		`['${exec:["/canary", "a"]}']`: "",
	} {
		_, err := Parse([]byte("vault: {path: /v, keys: " + text + "}"))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
	const elsewhere = "${exec:…}: may stand in vault.keys only; elsewhere write ${env:NAME} or ${file:PATH}, and for a command that prints a token take provider exec"
	for text, path := range map[string]string{
		"vault: {path: '${exec:canary}', keys: [x]}":                     "vault.path",
		"services: {s: {provider: static, token: '${exec:canary}'}}":     "services.s.token",
		"services: {s: {provider: own, options: {a: '${exec:canary}'}}}": "services.s.options.a",
		"log: {level: '${exec:canary}'}":                                 "log.level",
	} {
		if _, err := Parse([]byte(text)); err == nil || err.Error() != path+": "+elsewhere {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestRepeats(t *testing.T) {
	const key = "q2w3e4r5t6z7u8i9"
	for text, want := range map[string]bool{
		"": false, "no such key": false, "bad " + key: true, "bad W3E4R5T6": true, "bad w3e4r5t": false,
	} {
		if repeats(text, key+"\n") != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
	if !repeats("pin 12 is bad", "12") {
		t.Error("a short one is not found")
	}
}

func FuzzKeysMessages(f *testing.F) {
	f.Add("bad key", "a2b3c4d5e6f7a2b3c4d5e6f7a2b3c4d5")
	f.Add("bad a2b3c4d5e6f7a2b3\u00adc4d5e6f7a2b3c4d5", "a2b3c4d5e6f7a2b3c4d5e6f7a2b3c4d5")
	f.Fuzz(func(t *testing.T, message, key string) {
		out := &local.Output{Stdout: []byte(key), Stderr: []byte(message)}
		text := said(out, []string{"kms"})
		if len([]rune(text)) > maxSaid+2 || len(key) >= 32 && len(strings.Fields(key)) == 1 && strings.Contains(text, key) {
			t.Errorf("%q", text)
		}
	})
}
