package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"tokend/config"
	"tokend/system"
)

// checkFirst measures how long it takes from nothing to the first token of an
// OAuth 2.0 server on loopback.
func checkFirst() (_ []row, err error) {
	idp := httptest.NewServer(http.HandlerFunc(issue))
	defer idp.Close()
	cfg := &config.Config{Services: map[string]config.Service{"billing": {
		Provider: config.KindClientCredentials,
		ClientCredentials: &config.ClientCredentials{
			TokenURL: idp.URL, ClientID: "bench", ClientSecret: config.NewSecret("bench"),
		},
	}}}
	began := time.Now()
	sys, err := system.New(cfg, system.WithLogger(silent()))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, sys.Stop(context.Background())) }()
	if err := sys.Start(context.Background()); err != nil {
		return nil, err
	}
	if _, err := sys.Token(context.Background(), "billing"); err != nil {
		return nil, err
	}
	return []row{within("first token after the start, loopback", time.Since(began), firstWithin)}, nil
}

func issue(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"access_token":"`+newToken(200)+`","token_type":"Bearer","expires_in":3600}`)
}
