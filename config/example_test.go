package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tokend/config"
)

func ExampleLoad() {
	dir, err := os.MkdirTemp("", "tokend")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "tokend.yaml")
	text := "services: {billing: {provider: static, token: '${file:secret}'}}"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		panic(err)
	}

	_, err = config.Load(file)
	fmt.Println(err)
	// Output: services.billing.token: ${file:secret}: no such file or directory
}

func ExampleParse() {
	cfg, err := config.Parse([]byte(`
log: {level: warn}
services:
  billing:
    provider: client_credentials
    token_url: https://idp.example/oauth2/token
    client_id: probe
    client_secret: ${env:BILLING_SECRET}
    timeout: 5s
`), config.WithEnviron(func() []string {
		return []string{"BILLING_SECRET=hush", "TOKEND__LOG__LEVEL=debug"}
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	billing := cfg.Services["billing"]
	fmt.Println(cfg.Log.Level, cfg.Policy(&billing).Timeout, billing.ClientCredentials.ClientSecret)
	// Output: debug 5s [redacted]
}

func ExampleErrors() {
	_, err := config.Parse([]byte(`
defaults: {timeout: 30}
services:
  billing: {provider: static, tokn: hush}
`), config.WithEnviron(func() []string { return nil }))
	for _, e := range config.Errors(err) {
		fmt.Printf("%s: %s\n", e.Path, e.Message)
	}
	// Output:
	// defaults.timeout: a duration needs a unit: write 30s for seconds
	// services.billing.token: required
	// services.billing.tokn: unknown key; did you mean token?
}

func ExampleConfig_Validate() {
	timeout := 5 * time.Second
	cfg := config.Config{
		Services: map[string]config.Service{
			"erp": {
				Provider: config.KindLogin,
				Settings: config.Settings{Timeout: &timeout},
				Login: &config.Login{
					Request: config.Request{
						URL:  config.NewSecret("http://erp.example/login"),
						JSON: config.NewTree(map[string]any{"user": "probe", "password": "hush"}),
					},
					Response: config.Response{Token: "data.token", ExpiresIn: "data.expire"},
				},
			},
		},
	}
	fmt.Println(cfg.Validate())
	// Output: services.erp.request.url: must be https: without it the secret can be read on the way (allow_http: true permits it)
}

func ExampleParsePredicate() {
	p, err := config.ParsePredicate(`items.#(kind == "access").code < 400`)
	fmt.Println(p.Path, p.Op, p.Literal, err)
	// Output: items.#(kind == "access").code < 400 <nil>
}
