package provider

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template/parse"
)

// Bounds of templates: of one text, of what one call may make, and of all that the
// calls for one request read and make.
const (
	maxTemplate = 64 << 10
	maxMade     = 1 << 20
	maxWork     = 16 << 20
)

var (
	errTemplateSize = fmt.Errorf("template is longer than %d bytes", maxTemplate)
	errSyntax       = errors.New("{{ }} is not well-formed: quotes or brackets do not match, or something is out of place")
	errTakesNothing = errors.New("{{ }} takes calls of functions, texts in quotes, and captured values as .NAME, nothing else")
	errNoFunction   = errors.New("{{ }} calls a function that there is not; there are " + functionNames())
	errTooMuchMade  = errors.New("{{ }} comes to too much")
	errBytes        = errors.New("{{ }} comes to bytes, not to a text: add | hex, | base64 or | base64url")
)

// expression is a part of a [template] that comes to a text, or to bytes.
type expression interface {
	eval(s *scope) (string, error)
	// constant reports whether it comes to the same for every request.
	constant() bool
	// walk visits all parts.
	walk(visit func(expression))
}

type (
	// literal is text as it stands in a template, with references.
	literal string
	// captured is the name of a value of an earlier answer.
	captured string
	// call is a call of a function.
	call struct {
		*function

		args []expression
	}
)

func (l literal) eval(s *scope) (string, error) { return s.literal(string(l)) }
func (literal) constant() bool                  { return true }
func (l literal) walk(visit func(expression))   { visit(l) }
func (c captured) eval(s *scope) (string, error) {
	if s.outline {
		return standIn, nil
	}
	s.learn(s.captured[string(c)])
	return s.captured[string(c)], nil
}
func (captured) constant() bool                { return false }
func (c captured) walk(visit func(expression)) { visit(c) }
func (c *call) constant() bool                 { return c.pure && !slices.ContainsFunc(c.args, changing) }
func changing(e expression) bool               { return !e.constant() }

func (c *call) walk(visit func(expression)) {
	visit(c)
	for _, arg := range c.args {
		arg.walk(visit)
	}
}

func (c *call) eval(s *scope) (string, error) {
	args := make([]string, len(c.args))
	for i, arg := range c.args {
		text, err := arg.eval(s)
		if err != nil {
			return "", err
		}
		if _, ok := arg.(literal); ok && !c.public && !slices.Contains(public, text) {
			s.learn(text) // a key, or a part of one
		}
		args[i] = text
	}
	if s.outline {
		return standIn, nil
	}
	made, err := c.apply(s, args)
	if err != nil {
		return "", err
	}
	if !c.public {
		s.learn(made)
	}
	return made, s.account(c, made, args)
}

// inBytes reports whether e comes to bytes that are no text.
func inBytes(e expression) bool {
	c, ok := e.(*call)
	return ok && (c.bytes || c.passes && slices.ContainsFunc(c.args, inBytes))
}

// template is a text with calls in it.
type template []expression

// parseTemplate reads a text in which calls stand between {{ and }}, in the syntax
// of text/template without its control structures and variables. Its errors quote
// nothing of it: all of it may be secret.
func parseTemplate(text string) (template, error) {
	if len(text) > maxTemplate {
		return nil, errTemplateSize
	}
	tree, defined := parse.New("request"), map[string]*parse.Tree{}
	tree.Mode = parse.SkipFuncCheck
	if _, err := tree.Parse(text, "", "", defined); err != nil {
		return nil, errSyntax
	}
	for _, other := range defined {
		if other != tree { // by {{define}} or {{block}}
			return nil, errTakesNothing
		}
	}
	var made template
	for _, node := range tree.Root.Nodes {
		e, err := readNode(node)
		if err != nil {
			return nil, err
		}
		made = append(made, e)
	}
	return made, nil
}

func readNode(node parse.Node) (expression, error) {
	switch n := node.(type) {
	case *parse.TextNode:
		return literal(n.Text), nil
	case *parse.ActionNode:
		e, err := readPipe(n.Pipe)
		if err == nil && inBytes(e) {
			return nil, errBytes
		}
		return e, err
	default:
		return nil, errTakesNothing
	}
}

// readPipe reads a | b c, which means b c a.
func readPipe(pipe *parse.PipeNode) (expression, error) {
	if len(pipe.Decl) > 0 || len(pipe.Cmds) == 0 {
		return nil, errTakesNothing
	}
	var last expression
	for _, command := range pipe.Cmds {
		e, err := readCommand(command, last)
		if err != nil {
			return nil, err
		}
		last = e
	}
	return last, nil
}

func readCommand(command *parse.CommandNode, last expression) (expression, error) {
	name, ok := command.Args[0].(*parse.IdentifierNode)
	if !ok {
		if len(command.Args) > 1 || last != nil {
			return nil, errTakesNothing // the others would go nowhere
		}
		return readOperand(command.Args[0])
	}
	f := functions[name.Ident]
	if f == nil {
		return nil, errNoFunction
	}
	c := &call{function: f}
	for _, node := range command.Args[1:] {
		arg, err := readOperand(node)
		if err != nil {
			return nil, err
		}
		c.args = append(c.args, arg)
	}
	if last != nil {
		c.args = append(c.args, last)
	}
	if n := len(c.args); n < f.least || n > f.most {
		return nil, fmt.Errorf("{{ }} calls %s with %d values: %s", name.Ident, n, f.usage)
	}
	return c, nil
}

func readOperand(node parse.Node) (expression, error) {
	switch n := node.(type) {
	case *parse.StringNode:
		return literal(n.Text), nil
	case *parse.PipeNode:
		return readPipe(n)
	case *parse.FieldNode:
		if len(n.Ident) == 1 {
			return captured(n.Ident[0]), nil
		}
	case *parse.IdentifierNode: // a function without values needs no brackets
		if f := functions[n.Ident]; f == nil {
			return nil, errNoFunction
		} else if f.least == 0 {
			return &call{function: f}, nil
		}
		return nil, fmt.Errorf("{{ }} names %s as a value: put its call into brackets", n.Ident)
	}
	return nil, errTakesNothing
}

// walk visits all parts of the template.
func (t template) walk(visit func(expression)) {
	for _, e := range t {
		e.walk(visit)
	}
}

// parts returns the parts of the request that the template needs.
func (t template) parts() []string {
	needed := map[string]bool{}
	t.walk(func(e expression) {
		if c, ok := e.(*call); ok && c.part != "" {
			needed[c.part] = true
		}
	})
	return slices.Sorted(maps.Keys(needed))
}

// render returns what the template comes to.
func (t template) render(s *scope) (string, error) {
	var out strings.Builder
	for _, e := range t {
		text, err := e.eval(s)
		if err != nil {
			return "", err
		}
		out.WriteString(text)
		if out.Len() > maxMade {
			return "", errTooMuchMade
		}
	}
	return out.String(), nil
}

// check says what can be known to be wrong before any request: a captured value
// that there is not, and what is the same for every request.
func (t template) check(s *scope) error {
	var found error
	t.walk(func(e expression) {
		if found != nil {
			return
		}
		switch e := e.(type) {
		case captured:
			if _, ok := s.captured[string(e)]; !ok {
				found = errors.New("{{ }} uses a captured value that no step before this request captures")
			}
		case *call:
			found = e.check(s)
		case literal:
			_, found = s.literal(string(e))
		}
	})
	return found
}

// check evaluates a call that comes to the same for every request, and else judges
// those of its values that do.
func (c *call) check(s *scope) error {
	if c.constant() {
		_, err := c.eval(s)
		return err
	}
	if c.judge == nil {
		return nil
	}
	for i, arg := range c.args {
		if !arg.constant() {
			continue
		}
		value, err := arg.eval(s)
		if err == nil {
			err = c.judge(i, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
