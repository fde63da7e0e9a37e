package sink

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"

	"tokend/messages"
)

// maxTemplate bounds the text of a template.
const maxTemplate = 64 << 10

// about are the functions that tell something of a service's token. Each takes the
// name of a service, or nothing for the sink's own.
var about = map[string]func(t messages.Token) string{
	"token":           messages.Token.Value,
	"header":          messages.Token.Header,
	"type":            func(t messages.Token) string { return t.Type },
	"expires_at":      func(t messages.Token) string { return instant(t.ExpiresAt) },
	"expires_at_unix": unix,
	"created_at":      func(t messages.Token) string { return instant(t.CreatedAt) },
	"fingerprint":     func(t messages.Token) string { return t.Fingerprint },
	"generation":      func(t messages.Token) string { return strconv.FormatUint(t.Generation, 10) },
	"scope":           func(t messages.Token) string { return strings.Join(t.Scopes, " ") },
}

// filters are the functions that write a text in another way.
var filters = map[string]func(text string) string{
	"json":   func(text string) string { quoted, _ := json.Marshal(text); return string(quoted) }, // a text never fails
	"shell":  shellQuoted,
	"base64": func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) },
}

func unix(t messages.Token) string {
	if t.ExpiresAt.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.ExpiresAt.Unix(), 10)
}

var (
	errTemplateSize = fmt.Errorf("is longer than %d bytes", maxTemplate)
	errTakesCalls   = errors.New("may hold calls of functions and texts in quotes between {{ and }}, nothing else")
	errNoFunction   = fmt.Errorf("calls a function that there is not; there are %s",
		strings.Join(slices.Sorted(maps.Keys(functions(nil, ""))), ", "))
	errService  = errors.New("has a function that takes the name of one service in quotes, or nothing for its own, and is given something else")
	errFilter   = errors.New("has a function that takes one text, and is given none or several")
	errNoTokens = errors.New("holds no token: it calls none of the functions that tell of one")
)

// compiled is a template that was found good.
type compiled struct {
	text     *template.Template
	own      string
	services []string // sorted
}

// parseTemplate reads a template of a sink of the service own. It is text/template
// without control structures, variables and functions of others, so that what it
// comes to is bounded by its length, and that the services it needs can be read off.
// The errors quote nothing of it.
func parseTemplate(text, own string) (*compiled, error) {
	if len(text) > maxTemplate {
		return nil, errTemplateSize
	}
	t, err := template.New("sink").Funcs(functions(nil, own)).Parse(text)
	if err != nil {
		return nil, syntax(err)
	}
	if len(t.Templates()) > 1 { // by {{define}} or {{block}}
		return nil, errTakesCalls
	}
	c := &compiler{own: own, used: map[string]bool{}}
	if t.Tree != nil {
		for _, node := range t.Root.Nodes {
			if err := c.node(node); err != nil {
				return nil, err
			}
		}
	}
	if len(c.used) == 0 {
		return nil, errNoTokens
	}
	return &compiled{text: t, own: own, services: slices.Sorted(maps.Keys(c.used))}, nil
}

var (
	onLine    = regexp.MustCompile(`^template: sink:(\d+):`)
	noSuch    = regexp.MustCompile(`function ".*" not defined$`)
	errSyntax = errors.New("is not well-formed: quotes or brackets of a {{ }} do not match, or something is out of place")
)

// syntax returns what text/template complains about without what it quotes.
func syntax(err error) error {
	made := errSyntax
	if noSuch.MatchString(err.Error()) {
		made = errNoFunction
	}
	if m := onLine.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Errorf("line %s: %w", m[1], made)
	}
	return made
}

// compiler walks a template and notes the services that it uses.
type compiler struct {
	own  string
	used map[string]bool
}

func (c *compiler) node(node parse.Node) error {
	switch n := node.(type) {
	case *parse.TextNode:
		return nil
	case *parse.ActionNode:
		return c.pipe(n.Pipe)
	default:
		return errTakesCalls
	}
}

func (c *compiler) pipe(pipe *parse.PipeNode) error {
	if len(pipe.Decl) > 0 {
		return errTakesCalls
	}
	for i, command := range pipe.Cmds {
		if err := c.command(command, i > 0); err != nil {
			return err
		}
	}
	return nil
}

// command reads a call; piped tells whether the call before it gives it a value.
func (c *compiler) command(command *parse.CommandNode, piped bool) error {
	name, ok := command.Args[0].(*parse.IdentifierNode)
	if !ok {
		if len(command.Args) > 1 || piped {
			return errTakesCalls
		}
		return c.operand(command.Args[0])
	}
	args := command.Args[1:]
	switch {
	case about[name.Ident] != nil:
		return c.about(args, piped)
	case filters[name.Ident] == nil:
		return errNoFunction // one of text/template's own
	case piped && len(args) == 0:
		return nil
	case piped || len(args) != 1:
		return errFilter
	}
	return c.operand(args[0])
}

// about reads the service that a function is called with.
func (c *compiler) about(args []parse.Node, piped bool) error {
	switch {
	case piped || len(args) > 1:
		return errService
	case len(args) == 0:
		c.used[c.own] = true
		return nil
	}
	name, ok := args[0].(*parse.StringNode)
	if !ok {
		return errService
	}
	c.used[name.Text] = true
	return nil
}

func (c *compiler) operand(node parse.Node) error {
	switch n := node.(type) {
	case *parse.StringNode:
		return nil
	case *parse.PipeNode:
		return c.pipe(n)
	case *parse.IdentifierNode: // text/template calls a function that stands alone in brackets or not
		if about[n.Ident] == nil {
			return errFilter
		}
		c.used[c.own] = true
		return nil
	default:
		return errTakesCalls
	}
}

// functions returns what templates may call, on the given tokens.
func functions(tokens map[string]messages.Token, own string) template.FuncMap {
	all := template.FuncMap{}
	for name, f := range about {
		all[name] = func(service ...string) string { return f(tokens[strings.Join(append(service, own)[:1], "")]) }
	}
	for name, f := range filters {
		all[name] = func(text string) (string, error) { return bounded(f(text)) }
	}
	return all
}

func bounded(text string) (string, error) {
	if len(text) > maxContent {
		return "", errTooLarge
	}
	return text, nil
}

// render is a [renderer].
func (c *compiled) render(tokens map[string]messages.Token) ([]byte, error) {
	t, err := c.text.Clone()
	if err != nil {
		return nil, err
	}
	out := &limited{}
	if err := t.Funcs(functions(tokens, c.own)).Execute(out, nil); err != nil {
		return nil, errTooLarge // nothing else can be wrong with it by now
	}
	return out.Bytes(), nil
}

// limited is a buffer that takes no more than a file may hold.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > maxContent {
		return 0, errTooLarge
	}
	return l.Buffer.Write(p)
}

// shown returns a name as it may stand in an error.
func shown(name string) string {
	const longest = 63
	if len(name) > longest || strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	}) {
		return "its name is none that a service can have"
	}
	return name
}
