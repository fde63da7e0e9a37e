package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tokend/system/httpapi"
)

// holder has the tokens that a command is given, and the files they are in.
type holder struct {
	node      *node
	variables []variable
	tokens    []httpapi.Token
	asHeader  bool     // they are given as the headers that carry them
	dir       string   // of the files; empty: there are none
	lock      *os.File // held as long as the files are; nil: none
	guard     *guard   // removes them if this process is killed; nil: none
}

// filesPrefix begins the names of the directories of files.
const filesPrefix = "tokend-exec-"

// text returns what the command is given of a token.
func (h *holder) text(token httpapi.Token) (string, error) {
	if h.asHeader {
		return h.node.headerLine(token)
	}
	return token.AccessToken.Reveal(), nil
}

// take gets every token.
func (h *holder) take(ctx context.Context) (err error) {
	h.tokens, err = h.fetch(ctx)
	return err
}

// makeFiles makes the directory of the files, which hold nothing yet.
func (h *holder) makeFiles() (err error) {
	place := runtimeDir()
	sweep(place)
	if h.dir, err = os.MkdirTemp(place, filesPrefix); err != nil {
		return internal(err)
	}
	h.lock, err = holdFiles(h.dir)
	return internal(err)
}

// fetch gets every token. It changes nothing, and may run beside everything else.
func (h *holder) fetch(ctx context.Context) ([]httpapi.Token, error) {
	tokens := make([]httpapi.Token, len(h.variables))
	for i, v := range h.variables {
		token, _, err := h.node.token(ctx, v.service, 0)
		if err != nil {
			return nil, err
		}
		if !isFieldValue(token.AccessToken.Reveal()) {
			return nil, h.node.stranger()
		}
		if _, err := h.text(token); err != nil {
			return nil, err
		}
		tokens[i] = token
	}
	return tokens, nil
}

// adopt makes tokens those at hand and reports whether any is another than before.
func (h *holder) adopt(tokens []httpapi.Token) (changed bool, err error) {
	for i := range tokens {
		changed = changed || tokens[i].Fingerprint != h.tokens[i].Fingerprint
	}
	if changed && h.dir != "" {
		if err := h.write(tokens); err != nil {
			return false, err // the next poll finds the change again
		}
	}
	h.tokens = tokens
	return changed, nil
}

// write puts every token into its file, which a reader finds old or new, never
// half.
func (h *holder) write(tokens []httpapi.Token) error {
	for i, v := range h.variables {
		next := h.path(v) + ".next"
		text, err := h.text(tokens[i])
		if err != nil {
			return err
		}
		if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
			return internal(err)
		}
		if err := os.Rename(next, h.path(v)); err != nil {
			return internal(err)
		}
	}
	return nil
}

func (h *holder) path(v variable) string { return filepath.Join(h.dir, v.name) }

// environ returns the process's environment and the variables, which are in it once:
// of two with the same name most programs see the first.
func (h *holder) environ() []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.ContainsFunc(h.variables, func(v variable) bool { return v.name == name })
	})
	for i, v := range h.variables {
		value, _ := h.text(h.tokens[i]) // it could be had when the token came
		if h.dir != "" {
			value = h.path(v)
		}
		env = append(env, v.name+"="+value)
	}
	if h.guard != nil {
		env = append(env, h.guard.entry())
	}
	return env
}

// drop removes the files, and lets the guard go.
func (h *holder) drop() {
	if h.dir != "" {
		_ = os.RemoveAll(h.dir) // the guard, or the next tokend exec, tries again
	}
	if h.lock != nil {
		_ = h.lock.Close()
	}
	if h.guard != nil {
		h.guard.dismiss()
	}
}

// The node is asked again after a twentieth of the life that the shortest-lived
// token has left. It answers at once from what it holds.
const (
	minPoll = time.Second
	maxPoll = 10 * time.Second
)

func (h *holder) poll(now time.Time) time.Duration {
	wait := maxPoll
	for _, t := range h.tokens {
		if !t.ExpiresAt.IsZero() {
			wait = min(wait, t.ExpiresAt.Sub(now)/20)
		}
	}
	return max(wait, minPoll)
}

// runtimeDir returns where files of this user's processes belong, which is no disk
// if the system has such a place.
func runtimeDir() string {
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if info, err := os.Stat(dir); err == nil && info.IsDir() && filepath.IsAbs(dir) { // else it is no place for a program that goes elsewhere
		return dir
	}
	return os.TempDir()
}
