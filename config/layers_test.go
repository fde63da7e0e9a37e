package config_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tokend/config"
)

const layered = `
log: {level: warn}
services:
  billing: {provider: client_credentials, token_url: https://idp.example/token, client_id: file, client_secret: file, timeout: 3s}
  untouched: {provider: static, token: x}
  with-hyphen: {provider: static, token: x}
`

func TestLayersGoOverOneAnother(t *testing.T) {
	c, err := config.Parse(
		[]byte(layered),
		environ(
			"TOKEND__LOG__LEVEL=error", "TOKEND__LOG__FORMAT=json", "TOKEND__LIMITS__IN_FLIGHT_PER_HOST=7",
			"TOKEND__DEFAULTS__EAGER=true", "TOKEND__DEFAULTS__MIN_TTL=1m", "TOKEND__HOSTS=One.example, two.example,",
			"TOKEND__SERVICES__BILLING__CLIENT_SECRET=${env:HIDDEN}", "TOKEND__SERVICES__BILLING__SCOPES=a,b",
			"TOKEND__SERVICES__BILLING__TLS__SERVER_NAME=idp", "TOKEND__SERVICES__BILLING__PARAMS__TENANT=t",
			"HIDDEN=hush", "TOKEND_ADDR=ignored", "TOKEND_LOG__LEVEL=ignored", "XTOKEND__LOG__LEVEL=ignored",
		),
		config.WithFlags(map[string]any{
			"log.level": "debug", "listen": []string{"unix:///a", "tcp://[::1]:1"}, "limits.waiters_per_service": 9,
			"defaults.timeout": 7 * time.Second, "defaults.required": false, "vault.memory": nil, "services.billing.client_id": "flag",
		}),
	)
	if err != nil {
		t.Fatal(err)
	}
	billing := c.Services["billing"]
	cc, p := billing.ClientCredentials, c.Policy(&billing)
	got := []any{
		c.Log, c.Limits, c.Hosts, c.Vault.Memory, c.Listen, cc.ClientID, cc.Scopes, billing.TLS.ServerName,
		reveal(t, cc.ClientSecret), reveal(t, cc.Params["tenant"]), p.Timeout, p.MinTTL, p.Eager, p.Required, len(c.Services), *c.Defaults.Timeout,
	}
	want := []any{
		config.Log{Level: "debug", Format: "json"},
		config.Limits{WaitersPerService: 9, InFlightPerHost: 7, Connections: 4096},
		[]string{"one.example", "two.example"},
		"sealed",
		[]config.Listener{{Address: "unix:///a"}, {Address: "tcp://[::1]:1"}},
		"flag",
		[]string{"a", "b"},
		"idp", "hush", "t", 3 * time.Second, time.Minute, true, false, 3, 7 * time.Second,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOuterLayersAreStrict(t *testing.T) {
	for name, tc := range map[string]struct{ variable, want string }{
		"an unknown key":           {"TOKEND__LOG__LEVLE=x", "TOKEND__LOG__LEVLE: there is no key log.levle; did you mean log.level?"},
		"a mistyped group":         {"TOKEND__LOGS__LEVEL=x", "TOKEND__LOGS__LEVEL: there is no key logs.level; did you mean log.level?"},
		"two mistyped keys":        {"TOKEND__DEFAULT__TIMOUT=x", "TOKEND__DEFAULT__TIMOUT: there is no key default.timout; did you mean defaults.timeout?"},
		"a mistyped key deep down": {"TOKEND__SERVICES__BILLING__TLS__CAFILE=x", "TOKEND__SERVICES__BILLING__TLS__CAFILE: there is no key services.billing.tls.cafile; did you mean services.billing.tls.ca_file?"},
		"a key like no other":      {"TOKEND__LOG__PIGEON=x", "TOKEND__LOG__PIGEON: there is no key log.pigeon"},
		"a key below a value":      {"TOKEND__LOG__LEVEL__X=x", "TOKEND__LOG__LEVEL__X: there is no key log.level.x"},
		"no key":                   {"TOKEND__=x", "TOKEND__: there is no key …"},
		"a group":                  {"TOKEND__LOG=x", "TOKEND__LOG: cannot be set from outside the file; only single values and lists can"},
		"a whole service":          {"TOKEND__SERVICES__BILLING=x", "TOKEND__SERVICES__BILLING: cannot be set from outside the file; only single values and lists can"},
		"a tree":                   {"TOKEND__SERVICES__BILLING__OPTIONS=x", "TOKEND__SERVICES__BILLING__OPTIONS: cannot be set from outside the file; only single values and lists can"},
		"steps":                    {"TOKEND__SERVICES__BILLING__STEPS=x", "TOKEND__SERVICES__BILLING__STEPS: cannot be set from outside the file; only single values and lists can"},
		"a service that is not":    {"TOKEND__SERVICES__NEW__TOKEN=x", "TOKEND__SERVICES__NEW__TOKEN: there is no service new, and services are made in the file only"},
		"a service with a hyphen":  {"TOKEND__SERVICES__WITH_HYPHEN__TOKEN=x", "TOKEND__SERVICES__WITH_HYPHEN__TOKEN: there is no service with_hyphen, and services are made in the file only"},
		"a key of another kind":    {"TOKEND__SERVICES__BILLING__TOKEN=x", "services.billing.token: belongs to provider static, not to client_credentials (set by TOKEND__SERVICES__BILLING__TOKEN)"},
		"an empty variable":        {"TOKEND__LOG__LEVEL=", "TOKEND__LOG__LEVEL: is empty: unset it to leave log.level as it is"},
		"an empty list":            {"TOKEND__HOSTS=", "TOKEND__HOSTS: is empty: unset it to leave hosts as it is"},
		"a list of commas":         {"TOKEND__LISTEN=,", "listen: is empty: name an address, or leave the key out (set by TOKEND__LISTEN)"},
		"a bare number":            {"TOKEND__DEFAULTS__TIMEOUT=30", "defaults.timeout: must be a duration with a unit, such as 30s, 5m or 1h30m (set by TOKEND__DEFAULTS__TIMEOUT)"},
		"not a number":             {"TOKEND__LIMITS__IN_FLIGHT_PER_HOST=few", "limits.in_flight_per_host: must be a whole number, at least 1 (set by TOKEND__LIMITS__IN_FLIGHT_PER_HOST)"},
		"not a boolean":            {"TOKEND__DEFAULTS__EAGER=yes", "defaults.eager: must be true or false, not a text (set by TOKEND__DEFAULTS__EAGER)"},
		"an invalid value":         {"TOKEND__LOG__LEVEL=canary", "log.level: must be one of error, warn, info, debug (set by TOKEND__LOG__LEVEL)"},
		"an invalid list":          {"TOKEND__LISTEN=unix:///a,canary", "listen[1]: the address must be unix:///ABSOLUTE/PATH or tcp://127.0.0.1:PORT (set by TOKEND__LISTEN)"},
		"a dangling reference":     {"TOKEND__LOG__LEVEL=${env:NONE}", "log.level: ${env:NONE}: not set (set by TOKEND__LOG__LEVEL)"},
		"a name beyond characters": {"TOKEND__LOG__LEV\xffL=x", "TOKEND__LOG__LEV…: there is no key log.lev…"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse([]byte(layered), environ(tc.variable))
			if fmt.Sprint(err) != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestFlagsAreStrict(t *testing.T) {
	for name, tc := range map[string]struct {
		flag  string
		value any
		want  string
	}{
		"an unknown key":   {"log.levle", "x", "log.levle: there is no key log.levle; did you mean log.level?"},
		"a strange type":   {"log.level", struct{ s string }{"canary"}, "log.level: cannot be a struct { s string } (set by a flag)"},
		"a wrong type":     {"log.level", 3, "log.level: must be a text, not a number: put it in quotes (set by a flag)"},
		"a list for a key": {"log.level", []string{"canary"}, "log.level: must be a text, not a list (set by a flag)"},
		"an invalid value": {"log.level", "canary", "log.level: must be one of error, warn, info, debug (set by a flag)"},
		"an empty value":   {"log.level", "", "log.level: is empty: leave it out (set by a flag)"},
		"an empty list":    {"listen", []string{}, "listen: is empty: leave it out (set by a flag)"},
		"an empty address": {"listen", []string{""}, "listen[0]: the address must be unix:///ABSOLUTE/PATH or tcp://127.0.0.1:PORT (set by a flag)"},
		"a new service":    {"services.new.token", "x", "services.new.token: there is no service new, and services are made in the file only"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse([]byte(layered), environ("TOKEND__LOG__LEVEL=warn"), config.WithFlags(map[string]any{tc.flag: tc.value}))
			if fmt.Sprint(err) != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestTwoVariablesForOneKey(t *testing.T) {
	for _, variables := range [][]string{
		{"TOKEND__LOG__LEVEL=warn", "TOKEND__LOG__level=info"},
		{"TOKEND__LOG__level=info", "TOKEND__LOG__LEVEL=warn"},
	} {
		_, err := config.Parse(nil, environ(variables...))
		if want := "TOKEND__LOG__level: sets the same key as TOKEND__LOG__LEVEL"; fmt.Sprint(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestTheEnvironmentOfTheProcessCounts(t *testing.T) {
	t.Setenv("TOKEND__LOG__LEVEL", "${env:TOKEND_TEST_LEVEL}")
	t.Setenv("TOKEND_TEST_LEVEL", "debug")
	c, err := config.Parse(nil)
	if err != nil || c.Log.Level != "debug" {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestOuterLayersDoNotTouchWhatIsNotThere(t *testing.T) {
	_, err := config.Parse([]byte("services: 5"), environ("TOKEND__SERVICES__A__TOKEN=x"))
	want := "TOKEND__SERVICES__A__TOKEN: there is no service a, and services are made in the file only\nservices: must be a map, not a number"
	if fmt.Sprint(err) != want {
		t.Errorf("got %v", err)
	}
}
