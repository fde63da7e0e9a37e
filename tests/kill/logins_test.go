package kill

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus/hooks/test"

	"tokend/actors/vault"
	"tokend/actors/vault/disk"
	"tokend/config"
	"tokend/system"
)

const (
	// idpEnv is set in the processes that keep logins: to the token endpoint.
	idpEnv = "TOKEND_KILL_IDP"
	// onlyEnv names the logins that such a process refreshes, with spaces between.
	// It keeps them all: a start forgets what is not configured.
	onlyEnv = "TOKEND_KILL_ONLY"
	// timesEnv says how often it refreshes each of them; without it, without end.
	timesEnv = "TOKEND_KILL_TIMES"
	// loginKillsEnv says how many of them are killed.
	loginKillsEnv = "TOKEND_LOGIN_KILLS"

	fewLoginKills = 3 * int(steps)
	logins        = 24
)

func loginNames() []string {
	names := make([]string, logins)
	for i := range names {
		names[i] = fmt.Sprintf("login%02d", i)
	}
	return names
}

// TestAKilledNodeLosesNoLoginButInOneMoment kills one node after the other that
// lives on logins of a server without mercy: with one login at each step of a
// refresh in turn, and with many at random. A login may be lost only when the
// server had answered and the answer was not in the file yet. What the server has
// answered and what is in the file is known, so nothing else passes for that.
func TestAKilledNodeLosesNoLoginButInOneMoment(t *testing.T) {
	kills := countOf(t, loginKillsEnv, fewLoginKills)
	w := &keeper{T: t, dir: t.TempDir(), idp: newStrict(t), killed: map[step]int{}, lost: map[step]int{}}
	for _, service := range loginNames() {
		w.logIn(service)
	}
	for i := range kills {
		w.killOne(step(i%int(steps)), loginNames()[i%logins])
		if t.Failed() {
			return
		}
	}
	w.judge(kills)
}

// keeper knows what is in the file and what the server has answered.
type keeper struct {
	*testing.T
	dir    string
	idp    *strict
	killed map[step]int // without those that were slow
	lost   map[step]int
	slow   int // nodes that had said that they did not wait for the disk any longer
	kept   int // logins that had rotated and went on after a kill
}

// judge looks at what all those kills came to.
func (w *keeper) judge(kills int) {
	w.Helper()
	total := 0
	for s := range steps {
		total += w.lost[s]
		w.Logf("%3d nodes killed %s: %d logins lost", w.killed[s], s, w.lost[s])
	}
	w.Logf("%d kills, %d answers, %d logins lost between answer and file, none otherwise", kills, w.idp.answers(), total)
	w.Logf("set apart: %d nodes that had said that the disk is slow", w.slow)
	for s, all := range map[step]bool{beforeSend: false, beforeAnswer: false, published: false, answered: true, halfSaid: true} {
		if all && w.lost[s] != w.killed[s] || !all && w.lost[s] > 0 {
			w.Errorf("%d of %d lost %s", w.lost[s], w.killed[s], s)
		}
		if w.killed[s] == 0 && kills >= int(steps) {
			w.Errorf("none killed %s: nothing was tested", s)
		}
	}
	if w.kept == 0 {
		w.Error("no login has outlived a node: nothing was tested")
	}
}

func (w *keeper) vault() string { return filepath.Join(w.dir, "vault", "tokens") }

// logIn logs in anew.
func (w *keeper) logIn(service string) {
	w.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, service), []byte(w.idp.logIn(service)), 0o600); err != nil {
		w.Fatal(err)
	}
}

// round is the life of one node.
type round struct {
	*victim
	step  step
	after atomic.Int64 // how many steps of that kind go by before the node is killed
	path  string
	only  []string // the logins that the node refreshes
}

func (r *round) refreshes(service string) bool { return slices.Contains(r.only, service) }

// unkept reports whether the node has said that it handed out a token of the login
// though the disk was too slow to have what came with it. It promises nothing then.
func (r *round) unkept(service string) bool {
	for line := range strings.Lines(r.log.String()) {
		if strings.Contains(line, "provider state not saved") && strings.Contains(line, "the disk is slow") &&
			strings.Contains(line, "service="+service) {
			return true
		}
	}
	return false
}

// isTurn reports whether the node is to be killed in this step, if that is one of
// those.
func (r *round) isTurn(these ...step) bool {
	return slices.Contains(these, r.step) && r.after.Add(-1) == 0
}

// shoot returns when the node is dead.
func (r *round) shoot() {
	r.kill()
	<-r.dead
}

// fingerprint returns what changes with every transaction of the file.
func (r *round) fingerprint() []byte {
	f, err := os.Open(r.path)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	pages := make([]byte, 2*os.Getpagesize())
	n, _ := io.ReadFull(f, pages)
	return pages[:n]
}

// awaitChange returns when the file is another than before.
func (r *round) awaitChange(before []byte) {
	for until := time.Now().Add(time.Minute); bytes.Equal(before, r.fingerprint()); {
		if time.Now().After(until) {
			r.Error("the file does not change")
			return
		}
	}
}

// killOne starts a node, kills it in that step of refreshing a login, and looks at
// what it leaves behind.
func (w *keeper) killOne(s step, service string) {
	limit, only := time.Minute, []string{service} // should the step never come
	if s == someTime {
		limit, only = rand.N(400*time.Millisecond), loginNames()
	}
	r := &round{step: s, path: w.vault(), only: only}
	after := 1 + rand.N(4)/3
	if s == beforeSend { // the second connection may be another login's, in the middle of an answer to this one
		after = 1
	}
	r.after.Store(int64(after))
	env := []string{helperEnv + "=" + w.vault(), idpEnv + "=" + w.idp.url, onlyEnv + "=" + strings.Join(only, " ")}
	if s == published { // nothing must come after it, however late the kill
		env = append(env, timesEnv+"="+strconv.Itoa(after))
	}
	w.idp.begin(func() *round {
		r.victim = start(w.T, env...)
		return r
	})
	bullet := time.AfterFunc(limit, r.kill)
	r.listen(func(line string) {
		switch {
		case !strings.HasPrefix(line, "served "):
			w.Errorf("the node says: %s", line)
		case r.isTurn(published):
			r.kill()
		}
	})
	if !bullet.Stop() && s != someTime {
		w.Errorf("no node could be killed %s\n%s", s, &r.log)
	}
	w.idp.end() // nothing that is still on its way counts any more
	w.compare(r)
}

// compare tells for every login whether it can go on, and logs in anew where it
// cannot.
func (w *keeper) compare(r *round) {
	w.Helper()
	fileOf(w.T, w.vault())
	kept := w.read()
	if slices.ContainsFunc(loginNames(), r.unkept) {
		w.slow++
	} else {
		w.killed[r.step]++
	}
	for service, tokens := range w.idp.all() {
		switch behind := len(tokens) - 1 - w.position(service, kept[service], tokens); {
		case behind > 0 && r.unkept(service):
			w.logIn(service)
		case behind > 0 && !r.refreshes(service):
			w.Errorf("%s: the file is %d answers behind after a node that did not refresh it, killed %s\n%s", service, behind, r.step, &r.log)
		case behind > 1:
			w.Errorf("%s: killed %s, the file is %d answers behind\n%s", service, r.step, behind, &r.log)
		case behind == 1: // and the server ends the login of whoever tries again
			w.lost[r.step]++
			w.logIn(service)
		case len(tokens) > 1:
			w.kept++
		}
	}
}

// position returns which of the tokens of a login the next node will use: that in
// the file, if that is of the login and not of an earlier one, else the first.
func (w *keeper) position(service string, kept family, tokens []string) int {
	w.Helper()
	sum := sha256.Sum256([]byte(tokens[0]))
	if kept.First != hex.EncodeToString(sum[:]) {
		return 0
	}
	at := slices.Index(tokens, kept.Current)
	if at < 0 || kept.Lost {
		w.Errorf("%s: the file has a refresh token that nobody gave out, or calls it lost: %v", service, kept.Lost)
	}
	return at
}

// family is a part of what the provider keeps.
type family struct {
	First, Current string
	Lost           bool
}

// read returns what is in the file, by service.
func (w *keeper) read() map[string]family {
	w.Helper()
	kept := map[string]family{}
	if _, err := os.Stat(w.vault()); err != nil {
		return kept
	}
	v, err := vault.New(vault.MemorySealed)
	if err != nil {
		w.Fatal(err)
	}
	log, _ := test.NewNullLogger()
	store, err := disk.Open(disk.Options{Path: w.vault(), Keys: []disk.Key{keyOf(w.T)}, Vault: v, Log: log})
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	for _, service := range loginNames() {
		rec, err := store.Load(vault.Key{Service: service})
		if err != nil {
			w.Fatal(err)
		}
		if rec != nil {
			kept[service] = familyIn(w.T, rec.State)
		}
	}
	return kept
}

func familyIn(t *testing.T, state vault.Sealed) (f family) {
	t.Helper()
	text, err := state.Open()
	if err != nil {
		t.Fatal(err)
	}
	if !text.IsZero() && json.Unmarshal([]byte(text.Reveal()), &f) != nil {
		t.Fatal("the state is not what it was")
	}
	return f
}

// serveLogins is the node that is killed. It keeps all logins, refreshes some of
// them as often as it may, and tells of each time.
func serveLogins(path, url string) {
	n := &node{}
	cfg := &config.Config{
		Vault:    config.Vault{Path: path, Keys: []config.Secret{config.NewSecret(key)}},
		Services: map[string]config.Service{},
	}
	for _, name := range loginNames() {
		cfg.Services[name] = config.Service{
			Provider: config.KindRefreshToken, Settings: config.Settings{Timeout: new(time.Minute), ConnectTimeout: new(time.Minute)},
			RefreshToken: &config.RefreshToken{
				OAuth:        config.OAuth{TokenURL: url, ClientID: name, ClientAuth: config.AuthNone},
				RefreshToken: config.NewSecret("${file:" + filepath.Join(filepath.Dir(filepath.Dir(path)), name) + "}"),
			},
		}
	}
	sys, err := system.New(cfg)
	if err == nil {
		err = sys.Start(context.Background())
	}
	if err != nil {
		n.tell("cannot start: %v", err)
		os.Exit(1)
	}
	times, err := strconv.Atoi(os.Getenv(timesEnv))
	if err != nil {
		times = math.MaxInt
	}
	for name := range strings.FieldsSeq(os.Getenv(onlyEnv)) {
		go func() {
			for range times {
				if err := sys.Refresh(context.Background(), name); err != nil {
					n.tell("no refresh: %v", err)
				}
				n.tell("served %s", name)
			}
		}()
	}
	select {}
}
