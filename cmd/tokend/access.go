package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/sirupsen/logrus"

	"tokend/config"
	"tokend/system/access"
	"tokend/system/access/audit"
	"tokend/system/httpapi"
)

// opening is what the doors of a node are opened with.
type opening struct {
	endpoints   []httpapi.Endpoint
	hosts       []string
	clients     []access.Client // none: the node's own user, root, and everybody at a port
	bounds      access.Options  // of one client
	connections int             // per door; 0: the default
	audit       access.Auditor  // nil: nobody is told of decisions
	reloader    *reloader       // nil: the configuration is not read anew
	inherited   inherited       // listeners that were opened for the process; those of endpoints are taken out
}

func openingOf(cfg *config.Config) opening {
	return opening{
		endpoints: endpoints(cfg), hosts: cfg.Hosts, clients: clientsOf(cfg),
		connections: cfg.Limits.Connections,
		bounds: access.Options{
			Rate: cfg.Limits.RequestsPerSecond, InFlight: cfg.Limits.InFlightPerClient, Streams: cfg.Limits.StreamsPerClient,
		},
	}
}

func clientsOf(cfg *config.Config) []access.Client {
	clients := make([]access.Client, len(cfg.Clients))
	for i, c := range cfg.Clients {
		clients[i] = access.Client{Name: c.Name, UID: c.UID, GID: c.GID, KeyHash: c.KeyHash, SAN: c.SAN, Listener: c.Listener}
		for _, g := range c.Grants {
			clients[i].Grants = append(clients[i].Grants, access.Grant(g))
		}
	}
	return clients
}

// policy returns who may do what. Where the system does not tell who is at the other
// end of a socket, the socket's permissions decide alone.
func (o opening) policy() (*access.Policy, error) {
	if len(o.clients) > 0 {
		return access.New(o.clients, o.bounds)
	}
	var open []string
	for _, e := range o.endpoints {
		if !strings.HasPrefix(e.Address, "unix:") || !httpapi.PeersKnown {
			open = append(open, e.CalledBy())
		}
	}
	return access.Default(seenUsers().owners(), open, o.bounds)
}

// openAudit returns the log that the configuration asks for, and what closes it.
func openAudit(cfg *config.Config, stdout io.Writer, log logrus.FieldLogger, lost *atomic.Uint64) (access.Auditor, func(), error) {
	opts := audit.Options{
		Failing: func(text string) { log.Error(text) }, Over: func(text string) { log.Warn(text) }, Lost: lost,
		TrustDirectory: cfg.Audit.TrustDirectory,
	}
	switch cfg.Audit.Path {
	case "":
		return nil, func() {}, nil
	case config.AuditStdout:
		l := audit.To(auditTo(stdout), opts)
		return l, l.Close, nil
	default:
		l, err := audit.Open(cfg.Audit.Path, opts)
		if err != nil {
			return nil, nil, err
		}
		return l, l.Close, nil
	}
}

// warnings tells of what a configuration says in vain.
func warnings(cfg *config.Config) []string {
	found := append(seenUsers().warnings(cfg), remarks(cfg)...)
	shut, opened := sockets(cfg)
	if len(cfg.Clients) == 0 && opened != "" {
		found = append(found, fmt.Sprintf("others may open %s, but nobody is served there except root and the user that tokend runs as: name them under clients", opened))
	}
	for _, c := range cfg.Clients {
		switch outsider := c.GID != nil || c.UID != nil && *c.UID != 0 && int(*c.UID) != os.Geteuid(); {
		case outsider && opened == "" && shut != "":
			found = append(found, fmt.Sprintf("client %s cannot open %s: its mode lets in only the user that tokend runs as; listen[].mode and group change that", c.Name, shut))
		case c.SAN != "" && !anyListener(cfg, func(l config.Listener) bool { return l.TLS != nil && l.TLS.ClientCAFile != "" }):
			found = append(found, fmt.Sprintf("client %s cannot show its certificate: no listener has tls.client_ca_file", c.Name))
		case c.KeyHash != "" && !anyListener(cfg, func(l config.Listener) bool { return strings.HasPrefix(l.Address, "tcp:") }):
			found = append(found, fmt.Sprintf("client %s cannot use its key: keys count on TCP listeners only, and there is none", c.Name))
		}
	}
	return found
}

// sockets returns a Unix socket that only its owner can open, and one that others
// can.
func sockets(cfg *config.Config) (shut, opened string) {
	for _, l := range cfg.Listen {
		const others = fs.FileMode(0o022) // to connect is to write
		switch {
		case !strings.HasPrefix(l.Address, "unix:"):
		case l.Mode&others != 0:
			opened = l.Address
		default:
			shut = l.Address
		}
	}
	return shut, opened
}

func anyListener(cfg *config.Config, holds func(config.Listener) bool) bool {
	return slices.ContainsFunc(cfg.Listen, holds)
}
