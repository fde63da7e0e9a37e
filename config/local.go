package config

import (
	"path/filepath"
	"regexp"
	"strings"
)

// File is a token that another program keeps in a file. It is read at every
// acquisition, and need not be there before.
type File struct {
	Path      string       `key:"path" content:"file"` // required. In YAML, a relative path starts at the directory of the configuration file
	Form      string       `key:"format"`              // FormatToken or FormatJSON; empty: FormatToken
	Response  FileResponse `key:"response"`            // where FormatJSON has what
	TokenType string       `key:"token_type"`          // how the token is sent; empty: as the file says, or Bearer
	Scopes    []string     `key:"scopes"`              // of a token that the file gives no scopes
}

// FileResponse says where a [File] holds what. Paths are gjson's; one that is
// empty means a name of RFC 6749, section 5.1: that of its key, but access_token.
type FileResponse struct {
	Token     string `key:"token"`      // path
	TokenType string `key:"token_type"` // path
	ExpiresIn string `key:"expires_in"` // path of a lifetime in seconds, which runs from when the file was written
	ExpiresAt string `key:"expires_at"` // path of an absolute time: RFC 3339, or epoch in seconds or milliseconds
	Scope     string `key:"scope"`      // path of a space-separated list or of an array
}

// Exec is a command that prints a token. No shell reads it. It prints redacted.
type Exec struct {
	redacted
	Command   []Secret `key:"command"`    // the program, by its absolute path or a name in PATH, and its arguments; required
	Env       Secrets  `key:"env"`        // its variables, besides PATH, HOME and LANG of this process
	Dir       string   `key:"dir"`        // where it runs; empty: the working directory, in YAML the directory of the configuration file
	Form      string   `key:"format"`     // one of the Format constants; empty: FormatAuto
	TokenType string   `key:"token_type"` // how the token is sent; empty: as what is printed says, or Bearer
	Scopes    []string `key:"scopes"`     // of a token that comes without any
}

// The forms in which a command prints a token, or a file holds one.
const (
	FormatAuto           = "auto"            // JSON or an ExecCredential if it begins like an object, else a token
	FormatToken          = "token"           // the token alone
	FormatJSON           = "json"            // JSON, as OAuth answers are
	FormatExecCredential = "exec_credential" // what credential plugins of Kubernetes print
)

func (v *checker) file(path string, f *File) {
	if f.Path == "" {
		v.add(join(path, "path"), required)
	}
	v.oneOf(join(path, "format"), f.Form, FormatToken, FormatJSON)
	if f.Response != (FileResponse{}) && f.Form != FormatJSON {
		v.add(join(path, "response"), "belongs to format json")
	}
	r := &f.Response
	for key, text := range map[string]string{
		"token": r.Token, "token_type": r.TokenType, "expires_in": r.ExpiresIn, "expires_at": r.ExpiresAt, "scope": r.Scope,
	} {
		if text != "" {
			v.report(join(join(path, "response"), key), checkExpression(text))
		}
	}
	v.tokenType(join(path, "token_type"), f.TokenType)
	v.scopes(join(path, "scopes"), f.Scopes)
}

func (v *checker) exec(path string, e *Exec) {
	v.oneOf(join(path, "format"), e.Form, FormatAuto, FormatToken, FormatJSON, FormatExecCredential)
	if len(e.Command) == 0 {
		v.add(join(path, "command"), required)
	}
	for i, arg := range e.Command {
		at := item(join(path, "command"), i)
		text, ok := v.resolve(at, arg)
		switch {
		case i == 0 && arg.IsZero():
			v.add(at, required)
		case i == 0 && ok && !isProgram(text):
			v.add(at, "%s", programRule)
		case strings.Contains(text, "\x00"):
			v.add(at, "%s", holdsNUL)
		}
	}
	v.env(join(path, "env"), e.Env)
	v.tokenType(join(path, "token_type"), e.TokenType)
	v.scopes(join(path, "scopes"), e.Scopes)
}

const (
	programRule = "must be an absolute path, or a name to look for in PATH"
	holdsNUL    = "holds a NUL, which no argument or variable can"
)

// isProgram reports whether text names a program by its absolute path or by a name
// alone, whether there is such a program or not.
func isProgram(text string) bool {
	return filepath.IsAbs(text) || text == filepath.Base(text) && text != "." && text != ".."
}

// variableName is the syntax of the names of variables that every program can
// read (POSIX.1, section 8.1).
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (v *checker) env(path string, env Secrets) {
	for name, s := range env {
		at := join(path, name)
		if !variableName.MatchString(name) {
			v.add(at, "is not the name of a variable: letters, digits and underscores, and no digit first")
		}
		if text, ok := v.resolve(at, s); ok && strings.Contains(text, "\x00") {
			v.add(at, "%s", holdsNUL)
		}
	}
}
