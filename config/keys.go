package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"tokend/actors/local"
	"tokend/messages"
)

// Key returns what Keys[i] comes to now. Where references are resolved otherwise,
// those of the form ${exec:COMMAND} are an error; here each runs its command, for
// 10 s at most, and stands for what that prints, without one trailing newline.
// [Config.Validate] runs none.
func (v *Vault) Key(i int) (messages.Secret, error) {
	if v.Keys[i].IsZero() {
		return messages.Secret{}, nil
	}
	ref := v.Keys[i].ref.get()
	text, err := ref.source.key(ref.template, ref.source.run)
	return messages.NewSecret(text), err
}

// key checks a key as far as that needs no command.
func (v *checker) key(path string, s Secret) {
	if s.IsZero() {
		v.add(path, required)
		return
	}
	ref := s.ref.get()
	_, err := ref.source.key(ref.template, func(argv []string) (string, error) {
		return "what " + argv[0] + " prints", nil
	})
	v.report(path, err)
}

// key resolves the template of a key; run runs a command.
func (s *source) key(template string, run func(argv []string) (string, error)) (string, error) {
	return expand(template, func(scheme, name string) (string, error) {
		if scheme != "exec" {
			return s.needed(scheme, name)
		}
		argv, err := arguments(name)
		if err != nil {
			return "", err
		}
		return run(argv)
	})
}

var (
	errExecHere = errors.New("may stand in vault.keys only; elsewhere write ${env:NAME} or ${file:PATH}, and for a command that prints a token take provider exec")
	errPlain    = errors.New(`a command is split at each space and no shell reads it: for anything but letters, digits and @%+=:,./_- write ${exec:["PROGRAM", "ARGUMENT"]}`)
	errList     = errors.New("a command that begins with [ must be a JSON list of texts without } and NUL, the program first")
	errProgram  = errors.New("the program " + programRule)
)

// plainWord are texts that mean the same to whoever has a shell in mind.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9@%+=:,./_-]+$`)

// arguments returns the program and the arguments of a command: texts with one
// space between them, or a JSON list.
func arguments(command string) ([]string, error) {
	argv, wrong := strings.Split(command, " "), errPlain
	if strings.HasPrefix(command, "[") {
		argv, wrong = nil, errList
		if json.Unmarshal([]byte(command), &argv) != nil || len(argv) == 0 {
			return nil, errList
		}
	}
	for _, arg := range argv {
		if wrong == errPlain && !plainWord.MatchString(arg) || strings.Contains(arg, "\x00") {
			return nil, wrong
		}
	}
	if !isProgram(argv[0]) {
		return nil, errProgram
	}
	return argv, nil
}

// commandTime bounds a command that prints a key.
const commandTime = 10 * time.Second

// run returns what a command prints.
func (s *source) run(argv []string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTime)
	defer cancel()
	return s.printed(ctx, argv)
}

// printed is run within ctx.
func (s *source) printed(ctx context.Context, argv []string) (string, error) {
	program, err := local.Program(argv[0])
	if err != nil {
		return "", fmt.Errorf("the command %w", err)
	}
	c := local.Command{Program: program, Args: argv[1:], Dir: s.dir}
	out, err := c.Run(ctx)
	text := newline(string(out.Stdout))
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "", fmt.Errorf("the command had not ended after %s%s", commandTime, said(&out, argv))
	case err != nil:
		return "", fmt.Errorf("the command %w%s", err, said(&out, argv))
	case text == "":
		return "", fmt.Errorf("the command printed nothing%s", said(&out, argv))
	default:
		return text, nil
	}
}

// newline returns text without one trailing newline.
func newline(text string) string {
	if line, ok := strings.CutSuffix(text, "\n"); ok {
		return strings.TrimSuffix(line, "\r")
	}
	return text
}

const (
	maxSaid = 200     // characters that are shown of a command's messages
	maxKeys = 4 << 10 // bytes of output that messages are compared with
)

// keyLike is what a key may look like, or a part of it, in base64, hex or a URL, if
// there is a digit or a sign in it. Most paths have none.
var keyLike = regexp.MustCompile(`[A-Za-z0-9+/=_%-]{16,}`)

// said returns the end of a command's messages, as it may be shown, after a colon.
// What looks like a key is replaced, and so are the arguments. Nothing is shown if
// there is more to it than a few lines, or if a part of what the command printed is
// among it.
func said(out *local.Output, argv []string) string {
	text := strings.Join(strings.FieldsFunc(string(out.Stderr), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	switch {
	case text == "":
		return ""
	case out.Cut || len(out.Stdout) > maxKeys || repeats(text, string(out.Stdout)):
		return ": its message is withheld"
	}
	text = keyLike.ReplaceAllStringFunc(text, func(found string) string {
		if strings.ContainsAny(found, "0123456789+=%") {
			return messages.Redacted
		}
		return found
	})
	for _, arg := range argv[1:] { // afterwards: they must not cut a key in two
		if len(arg) > 2 && strings.ContainsAny(arg, "0123456789=") {
			text = strings.ReplaceAll(text, arg, messages.Redacted)
		}
	}
	if all := []rune(text); len(all) > maxSaid {
		text = "…" + string(all[len(all)-maxSaid+1:])
	}
	return ": " + text
}

// repeats reports whether a word of printed, or eight characters of it, stand in
// text, in whatever case.
func repeats(text, printed string) bool {
	const part = 8
	text = strings.ToLower(text)
	return slices.ContainsFunc(strings.Fields(strings.ToLower(printed)), func(word string) bool {
		if len(word) <= part {
			return strings.Contains(text, word)
		}
		for i := range len(word) - part + 1 {
			if strings.Contains(text, word[i:i+part]) {
				return true
			}
		}
		return false
	})
}
