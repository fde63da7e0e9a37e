package main

import (
	"fmt"
	"strings"
)

const devGreeting = `tokend serves on ADDRESS, with a demo identity provider in the same process.
Services: SERVICES
NOTE
Try, in another terminal:

  CURL/v1/token/billing
  CURL/v1/services
  CURL/readyz
  TOKEND list --addr ADDRESS
  TOKEND get reports --addr ADDRESS --output header

OWNEvents, until Ctrl-C:

`

// ownGreeting is for a node with the configuration that was written.
const ownGreeting = `Or run a node of your own, for as long as this one serves its identity provider:

  TOKEND check --config FILE --acquire
  TOKEND serve --config FILE
  TOKEND list --addr OWN

`

// greet tells what there is to play with; own is nil if no configuration was
// written.
func (d *devCommand) greet(address string, services []string, own *ownNode) {
	curl, note := "curl -s "+address, "Note: "+openToAll+".\n"
	if path, ok := strings.CutPrefix(address, "unix://"); ok {
		curl, note = "curl -s --unix-socket "+quoted(path)+" http://localhost", ""
	}
	text := strings.NewReplacer(
		"ADDRESS", quoted(address), "CURL", curl, "NOTE", note, "TOKEND", d.command(),
		"SERVICES", strings.Join(services, ", "), "OWN", d.greetOwn(own),
	).Replace(devGreeting)
	_, _ = fmt.Fprint(d.stdout, text)
}

func (d *devCommand) greetOwn(own *ownNode) string {
	if own == nil {
		return ""
	}
	return strings.NewReplacer("FILE", quoted(own.file), "OWN", quoted(own.address), "TOKEND", d.command()).Replace(ownGreeting)
}
