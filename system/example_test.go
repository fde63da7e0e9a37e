package system_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/sirupsen/logrus"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/messages"
	"tokend/system"
)

// idp answers like the token endpoint of an identity provider.
func idp() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"abc","token_type":"Bearer","expires_in":3600}`)
	}))
}

// quiet is a logger for examples.
func quiet() *logrus.Logger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}

// started returns a running System with one service, "billing".
func started(tokenURL string) *system.System {
	sys, err := system.New(&config.Config{Services: map[string]config.Service{
		"billing": {
			Provider: config.KindClientCredentials,
			ClientCredentials: &config.ClientCredentials{
				TokenURL: tokenURL, ClientID: "probe", ClientSecret: config.NewSecret("s3cret"),
			},
		},
	}}, system.WithLogger(quiet()))
	if err != nil {
		panic(err)
	}
	if err := sys.Start(context.Background()); err != nil {
		panic(err)
	}
	return sys
}

// A program that keeps its tokens in the same process.
func Example() {
	server := idp()
	defer server.Close()

	cfg, err := config.Parse([]byte(`
services:
  billing:
    provider: client_credentials
    token_url: ` + server.URL + `/token
    client_id: probe
    client_secret: s3cret
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	sys, err := system.New(cfg, system.WithLogger(quiet()))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	if err := sys.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer sys.Stop(ctx)

	tok, err := sys.Token(ctx, "billing")
	fmt.Println(tok.Header(), tok.State, err)
	fmt.Println(tok) // a token prints without its value
	// Output:
	// Bearer abc fresh <nil>
	// token of billing, generation 1, fingerprint ba7816bf8f01, fresh
}

// An HTTP client whose requests carry the service's token.
func ExampleSystem_Transport() {
	server := idp()
	defer server.Close()
	sys := started(server.URL)
	defer sys.Stop(context.Background())

	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "you sent ", r.Header.Get("Authorization"))
	}))
	defer api.Close()

	client := &http.Client{Transport: sys.Transport("billing", nil)}
	resp, err := client.Get(api.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(string(body), err)
	// Output: you sent Bearer abc <nil>
}

// Commands can be sent as messages, from inside or outside an actor.
func ExampleSystem_PID() {
	server := idp()
	defer server.Close()
	sys := started(server.URL)
	defer sys.Stop(context.Background())

	reply, err := sys.ActorSystem().Root.
		RequestFuture(sys.PID(), &messages.GetToken{Service: "billing"}, 2*time.Second).Result()
	if err != nil {
		fmt.Println(err)
		return
	}
	r := reply.(*messages.TokenReply)
	fmt.Println(r.Token.Value(), r.Err)
	// Output: abc <nil>
}

// Events tell what happens to tokens.
func ExampleSystem_Subscribe() {
	server := idp()
	defer server.Close()
	sys := started(server.URL)
	defer sys.Stop(context.Background())

	events := sys.Subscribe(context.Background(), "billing")
	if err := sys.Refresh(context.Background(), "billing"); err != nil {
		fmt.Println(err)
		return
	}
	e := <-events
	fmt.Println(e.Name(), e.About().Service, e.About().State)
	// Output: token_acquired billing fresh
}

// Several tokens at once: those that can be had, and an error for the others.
func ExampleSystem_Tokens() {
	server := idp()
	defer server.Close()
	sys := started(server.URL)
	defer sys.Stop(context.Background())

	toks, err := sys.Tokens(context.Background(), "billing", "erp")
	fmt.Println(toks["billing"].Value(), err)
	// Output: abc erp: unknown service
}

// A provider of the host's own, for services with "provider: vending-machine".
func ExampleWithProvider() {
	vending := func(service string, values map[string]any) (provider.Provider, error) {
		prefix, ok := values["prefix"].(string)
		if !ok {
			return nil, fmt.Errorf("prefix: missing")
		}
		return provider.Func(func(context.Context, provider.Request) (provider.Result, error) {
			return provider.Result{AccessToken: messages.NewSecret(prefix + service), Lifetime: time.Hour}, nil
		}), nil
	}
	sys, err := system.New(&config.Config{Services: map[string]config.Service{
		"snacks": {Provider: "vending-machine", Options: config.NewTree(map[string]any{"prefix": "coin-"})},
	}}, system.WithProvider("vending-machine", vending), system.WithLogger(quiet()))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	if err := sys.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer sys.Stop(ctx)
	tok, err := sys.Token(ctx, "snacks")
	fmt.Println(tok.Value(), err)
	// Output: coin-snacks <nil>
}
