package reload

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tokend/system/access"
)

const (
	sequences = 20
	steps     = 12 // reloads of a sequence
)

// universe is all that a random configuration may be about.
var universe = struct{ services, sockets []string }{
	services: []string{"a", "b", "c", "d", "e", "f"},
	sockets:  []string{"s", "t", "u"},
}

// dice writes random configurations.
type dice struct {
	*rand.Rand
	idp  *idp
	hash string // of the key that callers have
}

func (d *dice) one(of ...string) string { return of[d.IntN(len(of))] }

// some returns each of all as likely as not.
func (d *dice) some(all ...string) (chosen []string) {
	for _, one := range all {
		if d.IntN(2) == 0 {
			chosen = append(chosen, one)
		}
	}
	return chosen
}

// configuration returns one in which DIR is a directory, and whether it is right.
func (d *dice) configuration() (text string, right bool) {
	port := d.IntN(2) == 0
	parts := []string{d.listeners(port), d.clients(port), d.services()}
	parts = append(parts, d.some("hosts: [node.example]\n", "limits: {in_flight_per_host: 3}\n", "audit: {path: DIR/audit}\n")...)
	if d.IntN(4) == 0 {
		return strings.Join(append(parts, d.one(
			"log: {level: loud}\n", "vault: {memory: plain}\n", "startup: {mode: wait}\n", "nothing: 1\n", "hosts: [/]\n", "version: [\n",
		)), ""), false
	}
	return strings.Join(parts, ""), true
}

func (d *dice) listeners(port bool) string {
	all := []string{"{address: \"unix://DIR/s\", name: s, mode: " + d.one("\"0600\"", "\"0666\"") + "}"}
	for _, name := range d.some(universe.sockets[1:]...) {
		all = append(all, "{address: \"unix://DIR/"+name+"\", name: "+name+", mode: "+d.one("\"0600\"", "\"0660\"")+"}")
	}
	if port {
		all = append(all, "{address: \"tcp://127.0.0.1:0\", name: port}")
	}
	d.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return "listen: [" + strings.Join(all, ", ") + "]\n"
}

func (d *dice) clients(port bool) string {
	identities := []string{fmt.Sprintf("uid: %d", os.Geteuid()), "key_hash: \"" + d.hash + "\"", "listener: s"}
	if port {
		identities = append(identities, "listener: port")
	}
	var all []string
	for _, identity := range d.some(identities...) {
		services := d.one("[\"*\"]", "[a, b]", "[\"?\"]", "[c, \"d*\"]", "[e]")
		all = append(all, fmt.Sprintf("{name: c%d, %s, grants: [{services: %s, verbs: [%s]}]}",
			slices.Index(identities, identity), identity, services, d.one("get", "info", "get, info", "admin")))
	}
	if len(all) == 0 {
		return ""
	}
	return "clients: [" + strings.Join(all, ", ") + "]\n"
}

func (d *dice) services() string {
	var text strings.Builder
	_, _ = fmt.Fprintf(&text, "defaults: {refresh_threshold: %s, eager: true}\nservices:\n  always: {provider: static, token: t}\n", d.one("5m", "10m"))
	for _, name := range d.some(universe.services...) {
		settings := d.one("", ", required: false", ", warn_before: 1m", ", refresh_threshold: 1m")
		if d.IntN(2) == 0 {
			_, _ = fmt.Fprintf(&text, "  %s: {provider: static, token: t%d%s}\n", name, d.IntN(2), settings)
		} else {
			_, _ = fmt.Fprintf(&text, "  %s: {provider: client_credentials, token_url: %q, client_id: c%d, client_secret: pass%s}\n", name, d.idp.URL, d.IntN(2), settings)
		}
	}
	return text.String()
}

// port keeps an eye on the log, and returns the port that is open, if one is.
type port struct{ address string }

func (p *port) follow(said []entry) {
	for _, e := range said {
		switch address, ok := strings.CutPrefix(e.Address, "http://"); {
		case ok && e.Msg == "serving":
			p.address = address
		case ok && e.Msg == "no longer serving":
			p.address = ""
		}
	}
}

// view is what can be seen of a node from outside, by what was asked.
type view map[string]string

func (n *node) view(p *port, key string) view {
	v := view{}
	for _, socket := range universe.sockets {
		info, err := os.Lstat(filepath.Join(n.dir, socket))
		if err != nil {
			v[socket] = "nothing"
			continue
		}
		v[socket] = info.Mode().String()
		v.ask(socket, through(filepath.Join(n.dir, socket)), "")
	}
	v["port"] = fmt.Sprint(p.address != "")
	if p.address != "" {
		to := func() *http.Client { return toPort(p.address) }
		v.ask("port without a key", to(), "")
		v.ask("port with a key", to(), key)
		v.ask("port with another key", to(), key[1:])
	}
	return v
}

func toPort(address string) *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		},
	}}
}

// ask notes every answer that a caller gets.
func (v view) ask(door string, client *http.Client, key string) {
	defer client.CloseIdleConnections()
	for _, name := range append(universe.services, "always", "never") {
		v[door+": "+name] = answer(client, key, "/v1/token/"+name, tokenSeen)
	}
	v[door+": list"] = answer(client, key, "/v1/services", servicesSeen)
}

func answer(client *http.Client, key, target string, seen func(body []byte) string) string {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://localhost"+target, http.NoBody)
	if err != nil {
		return err.Error()
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "no answer"
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Sprint(resp.StatusCode, err)
	}
	return seen(body)
}

// tokenSeen leaves out how many tokens there have been.
func tokenSeen(body []byte) string {
	var t struct {
		AccessToken string `json:"access_token"`
	}
	err := json.Unmarshal(body, &t)
	text, _, _ := strings.Cut(t.AccessToken, "-")
	return fmt.Sprint(text, " ", err)
}

// servicesSeen leaves out what depends on the past.
func servicesSeen(body []byte) string {
	var list struct {
		Services []struct {
			Service, Provider, State string
			Required                 bool
			RefreshThreshold         string `json:"refresh_threshold"`
		}
	}
	err := json.Unmarshal(body, &list)
	return fmt.Sprintf("%+v %v", list.Services, err)
}

// However a node has come to its configuration, it is as one that was started with it.
func TestRandomReloadsEndWhereAFreshStartDoes(t *testing.T) {
	secret, hash := access.NewKey()
	for seed := range uint64(sequences) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			idp := newIdP(t)
			d := &dice{rand.New(rand.NewPCG(seed, 0)), idp, hash}
			text, right := d.configuration()
			for !right {
				text, right = d.configuration()
			}
			n, at := begin(t, text)
			for range steps {
				if next, right := d.configuration(); n.changes(at, next, right) {
					text = next
				}
			}
			fresh, freshAt := begin(t, text)
			n.endsAs(fresh, at, freshAt, secret.Reveal(), text)
		})
	}
}

// begin starts a node with that configuration.
func begin(t *testing.T, text string) (*node, *port) {
	t.Helper()
	dir := place(t)
	put(t, filepath.Join(dir, "c.yaml"), strings.ReplaceAll(text, "DIR", dir))
	n, p := start(t, dir, "c.yaml"), &port{}
	p.follow(n.began)
	n.changes(p, text, true) // all doors are open then
	return n, p
}

// changes has the node take a configuration, and reports whether it did.
func (n *node) changes(p *port, text string, right bool) bool {
	n.Helper()
	n.write(strings.ReplaceAll(text, "DIR", n.dir))
	n.hangUp()
	said := n.awaitAny("SIGHUP", reloaded, refused)
	p.follow(said)
	taken := said[len(said)-1].Msg == reloaded
	if taken != right {
		n.Fatalf("taken: %t, want %t: %+v, of\n%s", taken, right, said, text)
	}
	return taken
}

// endsAs wants nobody to be able to tell a node from a fresh one. Services that were
// changed take a moment.
func (n *node) endsAs(fresh *node, at, freshAt *port, key, text string) {
	n.Helper()
	tick, end := time.NewTicker(50*time.Millisecond), time.After(patience/2)
	defer tick.Stop()
	for {
		diff := cmp.Diff(fresh.view(freshAt, key), n.view(at, key))
		if diff == "" {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			n.Fatalf("a fresh node (-) and one that has come to it (+) differ: %s\nwith\n%s", diff, text)
		}
	}
}
