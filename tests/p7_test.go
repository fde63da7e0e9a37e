package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"tokend/config"
	"tokend/messages"
	"tokend/system"
	"tokend/tests/fakes/idptest"
)

// verbs are how fmt prints values.
var verbs = []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"}

// hexCanary is how %x shows it.
var hexCanary = fmt.Sprintf("%x", idptest.Canary)

// checkText fails the test if text holds a secret, plainly or in hexadecimal.
func checkText(t *testing.T, what, text string) {
	t.Helper()
	if strings.Contains(text, idptest.Canary) || strings.Contains(strings.ToLower(text), hexCanary) {
		t.Errorf("%s shows a secret: %.300s", what, text)
	}
}

// checkValue fails the test if v shows a secret in any way in which values are
// shown.
func checkValue(t *testing.T, what string, v any) {
	t.Helper()
	type hidden struct{ field any }
	for _, value := range []any{v, []any{v}, map[string]any{"key": v}, hidden{v}, &hidden{v}} {
		for _, verb := range verbs {
			checkText(t, what+" by "+verb, fmt.Sprintf(verb, value))
		}
	}
	if encoded, err := json.Marshal(v); err == nil {
		checkText(t, what+" in JSON", string(encoded))
	}
	var lines bytes.Buffer
	for _, formatter := range []logrus.Formatter{&logrus.TextFormatter{}, &logrus.JSONFormatter{}} {
		log := logrus.New()
		log.SetOutput(&lines)
		log.SetFormatter(formatter)
		log.WithField("value", v).Info(v)
	}
	slog.New(slog.NewTextHandler(&lines, nil)).Info("value", "value", v)
	slog.New(slog.NewJSONHandler(&lines, nil)).Info("value", "value", v)
	checkText(t, what+" in a log", lines.String())
}

func TestP7NoValueShowsASecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idp := idptest.New()
		idp.Play("fails", idptest.Leak())
		w := begin(t, idp, setup{services: map[string]config.Service{
			billing: scripted(config.Settings{}), "fails": scripted(config.Settings{}),
		}})
		tape := w.tape()
		tok := w.token(billing)
		if !strings.Contains(tok.Value(), idptest.Canary) || tok.Header() != "Bearer "+tok.Value() {
			t.Fatal("the token itself is not handed out")
		}
		_, err := w.sys.Token(t.Context(), "fails")
		tokens, joined := w.sys.Tokens(t.Context(), billing, "fails")
		if _, err := w.sys.Invalidate(t.Context(), billing, ""); err != nil {
			t.Fatal(err)
		}
		svc, _ := w.sys.Service(billing)
		values := map[string]any{
			"a token": tok, "a pointer to one": &tok, "tokens": tokens, "an error": err, "a joined error": joined,
			"info": w.info(billing), "all infos": w.sys.List(), "readiness": w.sys.Readiness(),
			"a failure":     w.info("fails").LastError,
			"a token reply": ask[*messages.TokenReply](w, &messages.GetToken{Service: billing}),
			"a batch":       ask[*messages.TokensReply](w, &messages.GetTokens{Services: []string{billing, "fails"}}),
			"an info reply": ask[*messages.TokenInfoReply](w, &messages.GetTokenInfo{Service: "fails"}),
			"services":      ask[*messages.ServicesReply](w, &messages.ListServices{}),
			"the system":    w.sys, "a handle": svc, "a transport": w.sys.Transport(billing, nil),
			"a token source": w.sys.TokenSource(billing), "credentials": w.sys.PerRPCCredentials(billing),
		}
		w.stop()
		for what, v := range values {
			checkValue(t, what, v)
		}
		for _, e := range tape.all() {
			checkValue(t, e.Name(), e)
		}
	})
}

func TestP7NoLogShowsASecret(t *testing.T) {
	formats := map[string]logrus.Formatter{
		"text": &logrus.TextFormatter{}, "coloured": &logrus.TextFormatter{ForceColors: true}, "json": &logrus.JSONFormatter{},
	}
	for name, format := range formats {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out := &output{}
				log := logrus.New()
				log.SetOutput(out)
				log.SetLevel(logrus.TraceLevel)
				log.SetFormatter(format)
				log.SetReportCaller(true)
				live(t, system.WithLogger(log))
				checkText(t, "the log", out.String())
				if !strings.Contains(out.String(), "panic") {
					t.Errorf("the log tells nothing of what happened:\n%s", out)
				}
			})
		})
	}
}

// live has a system go through all that may happen to one.
func live(t *testing.T, options ...system.Option) {
	t.Helper()
	idp := idptest.New()
	services := map[string]config.Service{billing: scripted(config.Settings{WarnAlways: new(true)})}
	for name, trouble := range troubles {
		service := strings.ReplaceAll(name, " ", "-")
		services[service] = scripted(config.Settings{Eager: new(true)})
		idp.Play(service, idptest.Stateful(time.Minute, idptest.Canary), trouble)
	}
	w := begin(t, idp, setup{services: services, options: options, deaf: true})
	for range 12 {
		for name := range services {
			_, _ = w.sys.Token(overdue(t), name)
		}
		for _, id := range w.actors() {
			w.kill(id)
		}
		_, _ = w.sys.Invalidate(overdue(t), billing, "")
		pass(17 * time.Second)
	}
	leaveDeadLetters(w)
	if err := w.sys.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	leaveDeadLetters(w)
	pass(5 * time.Minute)
}

// leaveDeadLetters has replies go to nobody and commands to actors that are not.
func leaveDeadLetters(w *world) {
	system := w.sys.ActorSystem()
	nobody := actor.NewPID(system.Address(), "nobody")
	for _, m := range []messages.Command{&messages.GetToken{Service: billing}, &messages.InvalidateToken{Service: billing}, &messages.ListServices{}} {
		system.Root.RequestWithCustomSender(w.sys.PID(), m, nobody)
		system.Root.RequestWithCustomSender(nobody, m, w.sys.PID())
	}
	synctest.Wait()
}

// TestP7NothingReachesTheProcessOutput runs in no bubble and beside no other test,
// for it looks at what the process itself writes.
func TestP7NothingReachesTheProcessOutput(t *testing.T) {
	text := captured(t, func() {
		synctest.Test(t, func(t *testing.T) {
			logrus.SetLevel(logrus.TraceLevel)
			defer logrus.SetLevel(logrus.InfoLevel)
			live(t, system.WithLogger(logrus.StandardLogger()))
		})
	})
	checkText(t, "the process", text)
	if !strings.Contains(text, billing) {
		t.Error("nothing was captured")
	}
}

// TestP7NothingReachesAHostsActorSystem has the actors live in an actor system
// that logs as protoactor does by itself.
func TestP7NothingReachesAHostsActorSystem(t *testing.T) {
	text := captured(t, func() {
		synctest.Test(t, func(t *testing.T) {
			host := actor.NewActorSystem()
			defer host.Shutdown()
			live(t, system.WithActorSystem(host))
		})
	})
	checkText(t, "a host's actor system", text)
	if !strings.Contains(text, "Proto.Actor") {
		t.Error("nothing was captured")
	}
}

// captured returns what is written to the process's standard output and error,
// by the loggers that everybody shares too, while do runs.
func captured(t *testing.T, do func()) string {
	t.Helper()
	file, err := os.Create(t.TempDir() + "/output")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	stdout, stderr, shared, std := os.Stdout, os.Stderr, slog.Default(), logrus.StandardLogger().Out
	os.Stdout, os.Stderr = file, file
	slog.SetDefault(slog.New(slog.NewTextHandler(file, &slog.HandlerOptions{Level: slog.LevelDebug})))
	logrus.SetOutput(file)
	defer func() {
		os.Stdout, os.Stderr = stdout, stderr
		slog.SetDefault(shared)
		logrus.SetOutput(std)
	}()
	do()
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestP7NoConfigurationShowsASecret(t *testing.T) {
	yaml := fmt.Sprintf(`
version: 1
services:
  billing:
    provider: client_credentials
    token_url: https://idp.test/token
    client_id: probe
    client_secret: %[1]s-secret
    params: {assertion: %[1]s-param}
  erp:
    provider: login
    request:
      url: https://erp.test/login?key=%[1]s
      query: {q: %[1]s-query}
      headers: {X-Key: %[1]s-header}
      json: {user: probe, password: %[1]s-password, deep: [{er: %[1]s-deep}]}
    response: {token: token}
  fixed:
    provider: static
    token: %[1]s-static
`, idptest.Canary)
	cfg, err := config.Parse([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	checkValue(t, "a configuration", cfg)
	checkValue(t, "its value", *cfg)
	for name, service := range cfg.Services {
		checkValue(t, "service "+name, service)
	}
	broken := strings.ReplaceAll(strings.Replace(yaml, "https://idp.test", "http://idp.test", 1), "response: {token: token}", "response: {}")
	if _, err = config.Parse([]byte(broken)); err == nil {
		t.Fatal("a broken configuration is accepted")
	}
	checkValue(t, "a configuration's error", err)
}

func TestP7NoTextOfAnEndpointShowsASecret(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	secret := idptest.Canary + "-client-secret"
	answers := map[string]idptest.Answer{
		"refusal that quotes": {Status: 401, Body: `{"error":"invalid_client","error_description":"not ` + secret + `"}`},
		"error that quotes":   {Status: 400, Body: `{"error":"` + secret + `"}`},
		"html":                {Body: "<html>" + secret + "</html>", ContentType: "text/html"},
		"server error":        {Status: 500, Body: secret, ContentType: "text/plain"},
		"half a token":        {Cut: true},
		"token in an error":   {Body: `{"access_token":"` + idptest.Canary + `","expires_in":"never"}`},
		"no lifetime":         {Body: `{"access_token":"` + idptest.Canary + `"}`},
		"redirect":            {Status: 302, Header: map[string][]string{"Location": {"http://127.0.0.1:1/?token=" + secret}}},
	}
	for name, a := range answers {
		t.Run(name, func(t *testing.T) {
			endpoint := idptest.NewEndpoint(t)
			endpoint.Play(a)
			w := begin(t, idptest.New(), setup{services: map[string]config.Service{billing: clientCredentials(endpoint.URL, secret)}})
			_, err := w.sys.Token(t.Context(), billing)
			if err == nil {
				t.Fatal("got a token")
			}
			checkValue(t, "an error", err)
			info, err := w.sys.Info(t.Context(), billing)
			if err != nil {
				t.Fatal(err)
			}
			checkValue(t, "info", info)
			if got := endpoint.Asked(); len(got) == 0 || !strings.HasPrefix(got[0].Authorization, "Basic ") {
				t.Errorf("asked %d times", len(got))
			}
		})
	}
}

// clientCredentials returns a service that asks that token endpoint.
func clientCredentials(url, secret string) config.Service {
	return config.Service{
		Provider: config.KindClientCredentials,
		ClientCredentials: &config.ClientCredentials{
			TokenURL: url, ClientID: "probe", ClientSecret: config.NewSecret(secret),
		},
	}
}
