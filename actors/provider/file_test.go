package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tokend/messages"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fileOf returns settings for a file that was written at noon, and read a minute
// later.
func fileOf(t testing.TB, text string) File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, noon, noon); err != nil {
		t.Fatal(err)
	}
	return File{Path: path, Now: func() time.Time { return noon.Add(time.Minute) }}
}

func jsonFile(t testing.TB, text string) File {
	t.Helper()
	f := fileOf(t, text)
	f.Format = FormatJSON
	return f
}

func mustFile(t testing.TB, f File) Provider {
	t.Helper()
	p, err := NewFile(f)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAFilesToken(t *testing.T) {
	later := noon.Add(time.Hour)
	jwt := signed(fmt.Sprintf(`{"exp":%d}`, later.Unix()))
	other := jsonFile(t, `{"data":{"t":"at","k":"dpop","i":3600,"s":["a","b"]}}`)
	other.Response = FileResponse{Token: "data.t", TokenType: "data.k", ExpiresIn: "data.i", ExpiresAt: "data.a", Scope: "data.s"}
	ahead := jsonFile(t, `{"access_token":"at","expires_in":3600}`)
	ahead.Now = func() time.Time { return noon.Add(-time.Hour) }
	plain := fileOf(t, "at")
	plain.Type, plain.Scopes = "token", []string{"x"}
	named := jsonFile(t, `{"access_token":"at","token_type":"bearer","scope":"a"}`)
	named.Scopes = []string{"x"}
	for name, c := range map[string]struct {
		file  File
		token string
		want  Result
	}{
		"alone":                     {fileOf(t, "at"), "at", Result{Type: "Bearer"}},
		"with a line break":         {fileOf(t, " at\r\n\n"), "at", Result{Type: "Bearer"}},
		"a JWT":                     {fileOf(t, jwt), jwt, Result{Type: "Bearer"}},
		"with a type and scopes":    {plain, "at", Result{Type: "token", Scopes: []string{"x"}}},
		"in JSON":                   {jsonFile(t, `{"access_token":"at"}`), "at", Result{Type: "Bearer"}},
		"in JSON that says more":    {named, "at", Result{Type: "Bearer", Scopes: []string{"a"}}},
		"that ends at a time":       {jsonFile(t, `{"access_token":"at","expires_at":"2026-03-01T13:00:00Z"}`), "at", Result{Type: "Bearer", ExpiresAt: later}},
		"that ends after a time":    {jsonFile(t, `{"access_token":"at","expires_in":"3600"}`), "at", Result{Type: "Bearer", ExpiresAt: later}},
		"that ends by both":         {jsonFile(t, `{"access_token":"at","expires_in":7200,"expires_at":1772370000}`), "at", Result{Type: "Bearer", ExpiresAt: later}},
		"that ends by exp":          {jsonFile(t, `{"access_token":"at","expires_on":"1772380000","exp":1772370000}`), "at", Result{Type: "Bearer", ExpiresAt: later}},
		"that ends by both, sooner": {jsonFile(t, `{"access_token":"at","expires_in":3600,"expires_at":1772380000}`), "at", Result{Type: "Bearer", ExpiresAt: later}},
		"from the future":           {ahead, "at", Result{Type: "Bearer", ExpiresAt: noon}},
		"by other names":            {other, "at", Result{Type: "DPoP", ExpiresAt: later, Scopes: []string{"a", "b"}}},
	} {
		t.Run(name, func(t *testing.T) {
			c.want.AccessToken, c.want.Lasting = messages.NewSecret(c.token), true
			got := acquire(t, mustFile(t, c.file))
			c.want.AnyLength = true
			if diff := cmp.Diff(c.want, got, cmp.Transformer("reveal", messages.Secret.Reveal), cmp.AllowUnexported(State{}), cmpopts.IgnoreUnexported(Result{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAFilesTokenLastsUnlessToldOtherwise(t *testing.T) {
	res := acquire(t, mustFile(t, fileOf(t, "at")))
	if life, err := Lifetime(res, noon, noon, Bounds{}); err != nil || life.Expires || life.Length != 0 {
		t.Errorf("%+v, %v", life, err)
	}
	if life, err := Lifetime(res, noon, noon, Bounds{Default: time.Hour}); err != nil || !life.Expires || life.Length != time.Hour {
		t.Errorf("with default_ttl: %+v, %v", life, err)
	}
	res.AccessToken = messages.NewSecret(signed(fmt.Sprintf(`{"exp":%d}`, noon.Add(time.Minute).Unix())))
	if life, err := Lifetime(res, noon, noon, Bounds{Default: time.Hour}); err != nil || !life.Expires || life.Length != time.Minute {
		t.Errorf("a JWT: %+v, %v", life, err)
	}
}

func TestFilesWithoutAToken(t *testing.T) {
	dead := signed(fmt.Sprintf(`{"exp":%d}`, noon.Add(time.Minute).Unix()))
	none := File{Path: filepath.Join(t.TempDir(), "none")}
	for name, c := range map[string]struct {
		file        File
		class, text string
	}{
		"no file":            {none, messages.ClassTransient, "path: " + none.Path + ": no such file or directory"},
		"a directory":        {File{Path: "/"}, messages.ClassTransient, "path: /: not a regular file"},
		"a large file":       {fileOf(t, strings.Repeat("c4n", 1<<20)), messages.ClassMalformed, "larger than 1 MiB"},
		"nothing":            {fileOf(t, ""), messages.ClassMalformed, "the file is empty"},
		"a line break":       {fileOf(t, "\n"), messages.ClassMalformed, "the file is empty"},
		"two lines":          {fileOf(t, "c4n\nc4n"), messages.ClassMalformed, "the file has more than one line, so it is no token: set format"},
		"two words":          {fileOf(t, "c4n c4n"), messages.ClassMalformed, "access token holds a space or another character that is not visible ASCII"},
		"bytes":              {fileOf(t, "c4n\x00\xff"), messages.ClassMalformed, "access token holds a space or another character that is not visible ASCII"},
		"no JSON":            {jsonFile(t, ""), messages.ClassMalformed, "the file is empty"},
		"half of the JSON":   {jsonFile(t, `{"access_token":"c4n`), messages.ClassMalformed, "the file is not JSON, or not all of it"},
		"other JSON":         {jsonFile(t, `["c4n"]`), messages.ClassMalformed, "the file is not a JSON object"},
		"no token in it":     {jsonFile(t, `{"token":"c4n"}`), messages.ClassMalformed, "response.token leads to nothing in the file"},
		"an empty token":     {jsonFile(t, `{"access_token":""}`), messages.ClassMalformed, "response.token leads to nothing in the file"},
		"no text":            {jsonFile(t, `{"access_token":{"c4n":1}}`), messages.ClassMalformed, "response.token is not a text"},
		"no number":          {jsonFile(t, `{"access_token":"c4n","expires_in":"c4n"}`), messages.ClassMalformed, "response.expires_in is not a number"},
		"no time":            {jsonFile(t, `{"access_token":"c4n","expires_at":"c4n"}`), messages.ClassMalformed, "expires_at is neither RFC 3339 nor a number since 1970"},
		"no type":            {jsonFile(t, `{"access_token":"c4n","token_type":[]}`), messages.ClassMalformed, "response.token_type is not a text"},
		"no scopes":          {jsonFile(t, `{"access_token":"c4n","scope":1}`), messages.ClassMalformed, "response.scope is neither a text nor a list of texts"},
		"a token that died":  {jsonFile(t, `{"access_token":"c4n","expires_in":60}`), messages.ClassTransient, "the token in the file expired at 2026-03-01T12:00:59Z: it has not been replaced"},
		"a JWT that died":    {fileOf(t, dead), messages.ClassTransient, "the token in the file expired at 2026-03-01T12:01:00Z: it has not been replaced"},
		"one that died then": {jsonFile(t, `{"access_token":"c4n","expires_at":"2026-03-01T11:00:00Z"}`), messages.ClassTransient, "the token in the file expired at 2026-03-01T11:00:00Z: it has not been replaced"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "a large file" {
				c.text = "path: " + c.file.Path + ": " + c.text
			}
			got := failure(t, mustFile(t, c.file))
			wantFailure(t, got, c.class, c.text)
			wantNoCanary(t, "error", got)
		})
	}
}

// Kubernetes replaces a token by turning a symbolic link over.
func TestAFileIsReadAnewThroughItsLink(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"old", "new"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "token")
	if err := os.Symlink("old", path); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	p := mustFile(t, File{Path: path})
	if got := acquire(t, p).AccessToken.Reveal(); got != "old" {
		t.Error(got)
	}
	turned := filepath.Join(dir, "turned")
	if err := os.Symlink("new", turned); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(turned, path); err != nil {
		t.Fatal(err)
	}
	if got := acquire(t, p).AccessToken.Reveal(); got != "new" {
		t.Error(got)
	}
}

func TestFilesThatCannotWork(t *testing.T) {
	for want, f := range map[string]File{
		"path: missing":                     {},
		"format: is neither token nor json": {Path: "x", Format: FormatAuto},
		"token_type: is not one word":       {Path: "x", Type: "two words"},
	} {
		if _, err := NewFile(f); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add(true, `{"access_token":"at","expires_in":3600,"expires_at":"2026-03-01T13:00:00Z","scope":"a"}`)
	f.Add(true, `{"access_token":"at","expires_in":1e308,"expires_at":-1}`)
	f.Add(false, "hunter22 hunter22\n")
	f.Fuzz(func(t *testing.T, asJSON bool, text string) {
		file := fileOf(t, text)
		if asJSON {
			file.Format = FormatJSON
		}
		res, err := Acquire(t.Context(), mustFile(t, file), Request{Service: "billing"})
		if err != nil {
			e := Classify(err)
			if strings.Contains(text, "hunter22") && strings.Contains(e.Text, "hunter22") || e.Class == messages.ClassPanic {
				t.Errorf("%#v", e)
			}
			return
		}
		life, lifeErr := Lifetime(res, noon, noon.Add(time.Minute), Bounds{})
		if res.AccessToken.IsZero() || lifeErr == nil && life.Expires && life.Length <= 0 {
			t.Errorf("%+v, %+v, %v", res, life, lifeErr)
		}
	})
}
