package provider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tokend/actors/local"
	"tokend/messages"
)

// helper is the first argument of this program when it is one of those that the
// tests run.
const helper = "helper"

// help does what a test wants of a command.
func help(what string, args []string) int {
	switch what {
	case "print":
		fmt.Print(args[0])
	case "fail": // with a code, after printing one file and saying another
		for i, out := range []*os.File{os.Stdout, os.Stderr} {
			text, _ := os.ReadFile(args[i+1])
			_, _ = out.Write(text)
		}
		code, _ := strconv.Atoi(args[0])
		return code
	case "environment":
		env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PATH=") })
		slices.Sort(env)
		fmt.Printf(`{"access_token":%s}`, asJSON(strings.ReplaceAll(strings.Join(env, "|"), " ", "_")))
	case "place":
		dir, _ := os.Getwd()
		fmt.Print(dir)
	case "flood":
		fmt.Print(strings.Repeat("c4n", 1<<20))
	case "stay": // and tell so
		_, _ = fmt.Fprint(os.Stderr, "asking the server")
		_ = os.WriteFile(args[0], nil, 0o600)
		time.Sleep(10 * time.Minute)
	}
	return 0
}

func execution(args ...string) func() (Execution, error) {
	return func() (Execution, error) { return Execution{Args: append([]string{os.Args[0], helper}, args...)}, nil }
}

// failing returns a command that ends with a code after printing and saying
// something.
func failing(t *testing.T, code, printed, said string, args ...string) func() (Execution, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"out": printed, "err": said} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return execution(append([]string{"fail", code, filepath.Join(dir, "out"), filepath.Join(dir, "err")}, args...)...)
}

func mustExec(t testing.TB, e Exec) Provider {
	t.Helper()
	p, err := NewExec(e)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// credential returns an ExecCredential of the given version with a status.
func credential(version, status string) string {
	return `{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/` + version + `","spec":{},"status":` + status + `}`
}

func TestACommandsToken(t *testing.T) {
	at := time.Date(2040, 1, 2, 3, 4, 5, 0, time.UTC)
	expiring := credential("v1", `{"token":"at","expirationTimestamp":"2040-01-02T03:04:05Z"}`)
	for name, c := range map[string]struct {
		format, printed string
		want            Result
	}{
		"alone":                            {"", "at\n", Result{}},
		"alone, as it is said":             {FormatToken, " at \r\n", Result{}},
		"alone, though it looks like JSON": {FormatToken, "{at}", Result{AccessToken: messages.NewSecret("{at}")}},
		"as OAuth has it":                  {"", `{"access_token":"at","expires_in":60,"token_type":"bearer","scope":"a b"}`, Result{Lifetime: time.Minute, Scopes: []string{"a", "b"}}},
		"in JSON, as it is said":           {FormatJSON, ` {"access_token":"at","expires_at":2209086245}`, Result{ExpiresAt: at}},
		"as ExecCredential":                {"", expiring, Result{ExpiresAt: at}},
		"as ExecCredential, as it is said": {FormatExecCredential, expiring, Result{ExpiresAt: at}},
		"as the one before":                {FormatExecCredential, credential("v1beta1", `{"token":"at"}`), Result{Lasting: true}},
		"as one without an expiry":         {"", credential("v1", `{"token":"at","expirationTimestamp":null}`), Result{Lasting: true}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.want.Type == "" {
				c.want.Type = "Bearer"
			}
			if c.want.AccessToken.IsZero() {
				c.want.AccessToken = messages.NewSecret("at")
			}
			got := acquire(t, mustExec(t, Exec{Command: execution("print", c.printed), Format: c.format}))
			if diff := cmp.Diff(c.want, got, cmp.Transformer("reveal", messages.Secret.Reveal), cmp.AllowUnexported(State{}), cmpopts.IgnoreUnexported(Result{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestACommandsTokenHasWhatIsSet(t *testing.T) {
	e := Exec{Command: execution("print", "at"), Type: "token", Scopes: []string{"x"}}
	if got := acquire(t, mustExec(t, e)); got.Type != "token" || !slices.Equal(got.Scopes, e.Scopes) {
		t.Errorf("%+v", got)
	}
	e.Command = execution("print", `{"access_token":"at","token_type":"Other","scope":""}`)
	if got := acquire(t, mustExec(t, e)); got.Type != "token" || got.ServerType != "Other" || len(got.Scopes) != 0 {
		t.Errorf("%+v", got)
	}
}

// A token that does not say when it dies might be handed out dead.
func TestHowLongACommandsTokenLives(t *testing.T) {
	for name, c := range map[string]struct {
		printed  string
		fallback time.Duration
		want     string
	}{
		"nobody knows":                    {"at", 0, "token comes without a lifetime: set default_ttl"},
		"as JSON, nobody knows":           {`{"access_token":"at"}`, 0, "token comes without a lifetime: set default_ttl"},
		"default_ttl":                     {"at", time.Hour, "1h0m0s"},
		"until it is refused":             {credential("v1", `{"token":"at"}`), 0, "0s"},
		"default_ttl of a credential":     {credential("v1", `{"token":"at"}`), time.Hour, "1h0m0s"},
		"as long as it says":              {credential("v1", `{"token":"at","expirationTimestamp":"2026-03-01T12:10:00Z"}`), time.Hour, "10m0s"},
		"it has expired":                  {credential("v1", `{"token":"at","expirationTimestamp":"2026-03-01T11:00:00Z"}`), 0, "token has expired already, 1h0m0s before it was asked for: check clocks"},
		"it has expired, says expires_at": {`{"access_token":"at","expires_at":"2026-03-01T11:59:00Z"}`, 0, "token has expired already, 1m0s before it was asked for: check clocks"},
	} {
		t.Run(name, func(t *testing.T) {
			res := acquire(t, mustExec(t, Exec{Command: execution("print", c.printed)}))
			life, err := Lifetime(res, noon, noon, Bounds{Default: c.fallback})
			got := life.Length.String()
			if err != nil {
				got = err.Text
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestOutputWithoutAToken(t *testing.T) {
	const versions = "apiVersion is neither client.authentication.k8s.io/v1 nor v1beta1"
	for name, c := range map[string]struct{ format, printed, text string }{
		"nothing":             {"", "", "what the command printed is empty"},
		"a line break":        {"", "\n", "what the command printed is empty"},
		"no object":           {FormatJSON, "", "what the command printed is empty"},
		"two lines":           {"", "c4n\nc4n", "what the command printed has more than one line, so it is no token: set format"},
		"two words":           {"", "c4n c4n", "access token holds a space or another character that is not visible ASCII"},
		"half of the JSON":    {"", `{"access_token":"c4n`, "what the command printed is not JSON, or not all of it"},
		"other JSON":          {FormatJSON, `"c4n"`, "what the command printed is not a JSON object"},
		"no token":            {"", `{"token":"c4n"}`, "access_token is missing"},
		"no time":             {"", `{"access_token":"c4n","expires_at":"c4n"}`, "expires_at is neither RFC 3339 nor a number since 1970"},
		"no life":             {"", `{"access_token":"c4n","expires_in":0}`, "expires_in is not positive"},
		"another version":     {"", credential("v1alpha1", `{"token":"c4n"}`), versions},
		"another group":       {"", `{"kind":"ExecCredential","apiVersion":"v1","status":{"token":"c4n"}}`, versions},
		"no version":          {FormatExecCredential, `{"status":{"token":"c4n"}}`, versions},
		"another kind":        {"", `{"kind":"c4n","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"c4n"}}`, "kind is not ExecCredential"},
		"no status":           {"", credential("v1", "null"), "status.token is missing"},
		"a certificate alone": {"", credential("v1", `{"clientCertificateData":"c4n","clientKeyData":"c4n"}`), "status.token is missing"},
		"a token that is not": {"", credential("v1", `{"token":["c4n"]}`), "status.token is not a text"},
		"a time that is not":  {"", credential("v1", `{"token":"c4n","expirationTimestamp":"c4n"}`), "status.expirationTimestamp is neither RFC 3339 nor a number since 1970"},
		"a number for a time": {"", credential("v1", `{"token":"c4n","expirationTimestamp":2209086245}`), "token lives for about 13 years by expires_at, and at most 5 are allowed: set max_ttl, which then bounds it"},
	} {
		t.Run(name, func(t *testing.T) {
			got := failure(t, mustExec(t, Exec{Command: execution("print", c.printed), Format: c.format}))
			wantFailure(t, got, messages.ClassMalformed, c.text)
			wantNoCanary(t, "error", got)
		})
	}
}

func TestWhatACommandIsTold(t *testing.T) {
	for _, name := range []string{"CLIENT_SECRET", "SSH_AUTH_SOCK"} {
		t.Setenv(name, "hush")
	}
	t.Setenv("HOME", "/home/probe")
	t.Setenv("LANG", "C")
	e := Exec{Command: func() (Execution, error) {
		x, err := execution("environment")()
		x.Env = map[string]string{"PIN": "1=2", "LANG": "de"}
		return x, err
	}}
	if got, want := acquire(t, mustExec(t, e)).AccessToken.Reveal(), "HOME=/home/probe|LANG=de|PIN=1=2"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	e.Format = FormatExecCredential
	p := &command{Exec: e}
	x, _ := e.Command()
	info := `KUBERNETES_EXEC_INFO={"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"interactive":false}}`
	if got := p.environment(&x); len(got) != 3 || got[0] != info {
		t.Errorf("%q", got)
	}
}

func TestWhereACommandRuns(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if got := acquire(t, mustExec(t, Exec{Command: execution("place"), Dir: dir})).AccessToken.Reveal(); got != dir {
		t.Error(got)
	}
}

func TestACommandThatRunsOutOfTime(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(ctx *expiring, cancel context.CancelFunc)
		text string
	}{
		"timeout":    {func(ctx *expiring, _ context.CancelFunc) { ctx.expire() }, "timeout: the command had not ended, and was ended: asking the server"},
		"called off": {func(_ *expiring, cancel context.CancelFunc) { cancel() }, "acquisition was called off: asking the server"},
	} {
		t.Run(name, func(t *testing.T) {
			mark := filepath.Join(t.TempDir(), "mark")
			p, ctx := mustExec(t, Exec{Command: execution("stay", mark)}), newExpiring(t)
			bound, cancel := context.WithCancel(ctx)
			defer cancel()
			failed := make(chan error, 1)
			go func() {
				_, err := Acquire(bound, p, Request{Service: "billing"})
				failed <- err
			}()
			for _, err := os.Stat(mark); err != nil && len(failed) == 0; _, err = os.Stat(mark) {
				time.Sleep(time.Millisecond)
			}
			c.end(ctx, cancel)
			got := asError(t, <-failed)
			wantFailure(t, got, messages.ClassTransient, c.text)
			if got.TimedOut != (name == "timeout") {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestACommandThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		command     func() (Execution, error)
		class, text string
	}{
		"with a message": {failing(t, "3", "", "error: no such account\n  see --help\n"), messages.ClassTransient, "the command exited with code 3: error: no such account see --help"},
		"in silence":     {failing(t, "1", "", ""), messages.ClassTransient, "the command exited with code 1"},
		"and succeeds":   {failing(t, "0", "", "log in first"), messages.ClassMalformed, "what the command printed is empty: log in first"},
		"with much":      {failing(t, "2", "", strings.Repeat("no ", 1000)+"more"), messages.ClassTransient, "the command exited with code 2: …" + strings.Repeat("no ", 65) + "more"},
		"by a flood":     {execution("flood"), messages.ClassMalformed, "the command printed more than 1 MiB"},
	} {
		t.Run(name, func(t *testing.T) { wantFailure(t, failure(t, mustExec(t, Exec{Command: c.command})), c.class, c.text) })
	}
}

func TestP7ACommandsMessagesShowNoSecret(t *testing.T) {
	const hush = "hush-hush-7"
	for name, c := range map[string]struct{ printed, said, want string }{
		"a variable":           {"", "bad " + hush, "bad [redacted]"},
		"a part of one":        {"", "bad hush-part-8!", "bad [redacted]!"},
		"encoded":              {"", "bad HUSH-HUSH-7", "message " + holdsSecret},
		"an argument":          {"", "bad --pin=7654321, bad 7654321", "bad --pin=[redacted], bad [redacted]"},
		"words of arguments":   {"", "usage: helper fail --quiet", "usage: helper fail --quiet"},
		"what was printed":     {"at-0815-at", "got at-0815-at", "got [redacted]"},
		"a word of it":         {"one at-0815-at\ntwo", "got at-0815-at", "got [redacted]"},
		"what is in its JSON":  {`{"data":{"at":"at-0815-at"}}`, "got at-0815-at", "got [redacted]"},
		"many lines of it":     {numbered(70), "got line-1", "message " + tooMuch},
		"a token of the state": {"", "bad refresh-token-0815", "bad [redacted]"},
		"a JWT":                {"", "got eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.", "got [redacted]"},
		"too long a message":   {"", strings.Repeat("x", maxSaid) + hush, "message " + tooLong},
		"where it is cut":      {"", strings.Repeat("é ", 40) + hush + strings.Repeat(" é", 97), "…cted]" + strings.Repeat(" é", 97)},
	} {
		t.Run(name, func(t *testing.T) {
			made := failing(t, "3", c.printed, c.said, "--pin=7654321", "--quiet")
			p := mustExec(t, Exec{Command: func() (Execution, error) {
				x, err := made()
				x.Env, x.Secrets = map[string]string{"PIN": hush}, []messages.Secret{messages.NewSecret("hush-part-8")}
				return x, err
			}})
			_, err := Acquire(t.Context(), p, Request{Service: "billing", Previous: NewState([]byte("refresh-token-0815"))})
			wantFailure(t, asError(t, err), messages.ClassTransient, "the command exited with code 3: "+c.want)
		})
	}
}

// numbered returns n lines of which each is another.
func numbered(n int) string {
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, "line-%d\n", i)
	}
	return lines.String()
}

func TestCommandsThatCannotWork(t *testing.T) {
	args := func(args ...string) func() (Execution, error) {
		return func() (Execution, error) { return Execution{Args: args}, nil }
	}
	for want, e := range map[string]Exec{
		"command: missing":          {},
		"command: env.PIN: not set": {Command: func() (Execution, error) { return Execution{}, errors.New("env.PIN: not set") }},
		"format: is none of auto, token, json and exec_credential":                                   {Command: args("x"), Format: "c4n"},
		"token_type: is not one word":                                                                {Command: args("x"), Type: "two words"},
		"command[0]: is not in PATH: install it, or give its absolute path":                          {Command: args("tokend-test-none")},
		"command[0]: must be an absolute path, or a name to look for in PATH":                        {Command: args("./c4n")},
		"command[0]: cannot be run: no such file or directory: is it installed, and its path right?": {Command: args("/c4n/none")},
	} {
		if _, err := NewExec(e); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := NewExec(Exec{Command: args()}); err == nil || err.Error() != "command: missing" {
		t.Errorf("no arguments: %v", err)
	}
}

func TestACommandThatChangesItsMind(t *testing.T) {
	var x Execution
	var err error
	x.Args = []string{os.Args[0], helper, "print", "at"}
	p := mustExec(t, Exec{Command: func() (Execution, error) { return x, err }})
	if h, ok := p.(Hosted); !ok || h.Host() != "exec:"+os.Args[0] {
		t.Errorf("%v", p)
	}
	x.Args = nil
	wantFailure(t, failure(t, p), messages.ClassTransient, "command: missing")
	err = errors.New("env.PIN: not set")
	wantFailure(t, failure(t, p), messages.ClassTransient, "env.PIN: not set")
}

func TestAProgramThatIsGone(t *testing.T) {
	program := filepath.Join(t.TempDir(), "c4n")
	if err := os.WriteFile(program, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	p := mustExec(t, Exec{Command: func() (Execution, error) { return Execution{Args: []string{program}}, nil }})
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	got := failure(t, p)
	wantFailure(t, got, messages.ClassTransient, "command: cannot be run: no such file or directory: is it installed, and its path right?")
	wantNoCanary(t, "error", got)
	x := Execution{Args: []string{canary}, Env: map[string]string{canary: canary}}
	wantNoCanaryAlone(t, "execution", x)
	var out bytes.Buffer
	logged(&out, x)
	_, _ = out.WriteString(x.String())
	searched(t, "logged execution", out.String())
}

func FuzzPrinted(f *testing.F) {
	f.Add(FormatAuto, credential("v1", `{"token":"at","expirationTimestamp":"2040-01-02T03:04:05Z"}`), "hunter22 is wrong")
	f.Add(FormatExecCredential, credential("v1beta1", `{"token":"hunter22"}`), "")
	f.Add(FormatJSON, `{"access_token":"hunter22","expires_in":1e308,"expires_at":-1}`, "%68unter22")
	f.Add(FormatToken, "hunter22 hunter22", "hunter22")
	f.Fuzz(func(t *testing.T, format, text, message string) {
		res, err := parsePrinted(format, []byte(text))
		if err == nil {
			if res.AccessToken.IsZero() || res.Lifetime < 0 || res.Lifetime > maxLifetime {
				t.Errorf("%+v", res)
			}
			return
		}
		var hidden secrets
		hidden.add("hunter22")
		x := &Execution{Args: []string{"tool"}, Env: map[string]string{"PIN": "hunter22"}}
		e := Classify(because(err, x.said(&local.Output{Stdout: []byte(text), Stderr: []byte(message)}, &Request{})))
		if strings.Contains(e.Text, "hunter22") || e.Text != printable(e.Text, maxText) || e.Class != messages.ClassMalformed {
			t.Errorf("%#v", e)
		}
	})
}
