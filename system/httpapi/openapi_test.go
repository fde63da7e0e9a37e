package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tokend/messages"
)

// description is as much of the document as is held against the handlers.
type description struct {
	OpenAPI    string              `yaml:"openapi"`
	Paths      map[string]pathItem `yaml:"paths"`
	Components struct {
		Schemas map[string]schemaObject `yaml:"schemas"`
	} `yaml:"components"`
}

type pathItem struct {
	Description string               `yaml:"description"`
	Parameters  []parameter          `yaml:"parameters"`
	Methods     map[string]operation `yaml:",inline"`
}

type operation struct {
	Parameters []parameter    `yaml:"parameters"`
	Responses  map[string]any `yaml:"responses"`
}

type parameter struct {
	Ref  string `yaml:"$ref"`
	Name string `yaml:"name"`
	In   string `yaml:"in"`
}

type schemaObject struct {
	Type       string         `yaml:"type"`
	Required   []string       `yaml:"required"`
	Properties map[string]any `yaml:"properties"`
	Enum       []string       `yaml:"enum"`
}

func describe(t *testing.T) *description {
	t.Helper()
	rec := call(t, newDoor(newFake()), "GET", "/v1/openapi.yaml", "")
	if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != "application/yaml" {
		t.Fatalf("status %d, headers %v", rec.Code, rec.Header())
	}
	var d description
	if err := yaml.Unmarshal(rec.Body.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

func TestTheDescriptionHasEveryRouteAndNoOther(t *testing.T) {
	d := describe(t)
	var patterns []string
	for _, rt := range routes {
		patterns = append(patterns, rt.pattern)
	}
	slices.Sort(patterns)
	if described := slices.Sorted(maps.Keys(d.Paths)); !slices.Equal(described, patterns) {
		t.Errorf("described: %q\nthere are: %q", described, patterns)
	}
	if !strings.HasPrefix(d.OpenAPI, "3.1.") {
		t.Errorf("OpenAPI %s", d.OpenAPI)
	}
}

func TestTheDescriptionHasEveryMethodAndParameter(t *testing.T) {
	d := describe(t)
	for _, rt := range routes {
		item := d.Paths[rt.pattern]
		allowed := map[string]bool{}
		for _, method := range []string{"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH", "TRACE"} {
			if rt.allows(method) && (method != "HEAD" || len(rt.allow) == 0) { // HEAD goes without saying where there is GET
				allowed[strings.ToLower(method)] = true
			}
		}
		if described := slices.Sorted(maps.Keys(item.Methods)); !slices.Equal(described, slices.Sorted(maps.Keys(allowed))) {
			t.Errorf("%s: methods %q", rt.pattern, described)
		}
		for method, op := range item.Methods {
			var query []string
			for _, p := range op.Parameters {
				if p.In == "query" {
					query = append(query, p.Name)
				}
			}
			taken := rt.query
			if rt == authorizeRoute {
				taken = nil // it takes any, and looks at none
			}
			if !slices.Equal(query, taken) {
				t.Errorf("%s %s: parameters %q are described, %q are taken", method, rt.pattern, query, taken)
			}
		}
		if named := strings.Contains(rt.pattern, "{service}"); named != slices.Contains(item.Parameters, parameter{Ref: "#/components/parameters/service"}) {
			t.Errorf("%s: parameters %v", rt.pattern, item.Parameters)
		}
	}
}

// occasion is a request and the state of things in which it is made.
type occasion struct {
	target, body string
	fails        error
	change       func(*fakeKeeper, *Options)
}

func kindOf(kind error) error { return &messages.Error{Kind: kind, Service: "billing"} }

// everyFailure makes a service's request end in every way that a keeper knows.
func everyFailure(target string) []occasion {
	var all []occasion
	for _, kind := range []error{
		messages.ErrUnknownService, messages.ErrUnavailable, messages.ErrRejected, messages.ErrInvalidResponse, messages.ErrOverloaded,
		messages.ErrDenied, messages.ErrTimeout, messages.ErrStopped, fmt.Errorf("nobody's"),
	} {
		all = append(all, occasion{target: target, fails: kindOf(kind)})
	}
	return append(all, occasion{target: target, fails: fmt.Errorf("nobody's")})
}

func panics(k *fakeKeeper, _ *Options) { k.panics = "at the disco" }

var tooLarge = `{"x":"` + strings.Repeat("a", maxBody) + `"}`

// occasions make every route answer in every way in which it can, by access
// control apart, which stands before the routes.
var occasions = map[string][]occasion{
	"get /v1/token/{service}": append(everyFailure("/v1/token/billing"),
		occasion{target: "/v1/token/billing"}, occasion{target: "/v1/token/billing?x"}, occasion{target: "/v1/token/billing", change: panics}),
	"post /v1/tokens": {
		{target: "/v1/tokens", body: `{"services":["billing","nope"]}`}, {target: "/v1/tokens"}, {target: "/v1/tokens", body: tooLarge},
	},
	"get /v1/services": {{target: "/v1/services"}, {target: "/v1/services?x"}},
	"get /v1/services/{service}": {
		{target: "/v1/services/billing"},
		{target: "/v1/services/billing?x"},
		{target: "/v1/services/nope"},
		{target: "/v1/services/billing", fails: kindOf(messages.ErrStopped)},
		{target: "/v1/services/billing", fails: fmt.Errorf("nobody's")},
	},
	"post /v1/services/{service}/refresh": append(everyFailure("/v1/services/billing/refresh"),
		occasion{target: "/v1/services/billing/refresh"}, occasion{target: "/v1/services/billing/refresh?x"},
		occasion{target: "/v1/services/billing/refresh", body: tooLarge}),
	"post /v1/services/{service}/invalidate": append(everyFailure("/v1/services/billing/invalidate"),
		occasion{target: "/v1/services/billing/invalidate"}, occasion{target: "/v1/services/billing/invalidate?x"},
		occasion{target: "/v1/services/billing/invalidate", body: tooLarge}),
	"get /v1/events": {
		{target: "/v1/events", change: func(k *fakeKeeper, _ *Options) { k.end() }},
		{target: "/v1/events?x"},
		{target: "/v1/events", body: tooLarge},
		{target: "/v1/events?service=nope"},
		{target: "/v1/events", change: func(_ *fakeKeeper, o *Options) { o.Stopping = stoppingIf(true) }},
		{target: "/v1/events", change: func(_ *fakeKeeper, o *Options) {
			o.Traffic = NewTraffic()
			o.Traffic.streams.Store(maxStreams)
		}},
		{target: "/v1/events", change: func(k *fakeKeeper, _ *Options) { k.panics = "no streaming here" }},
	},
	"post /v1/reload": {
		{target: "/v1/reload"},
		{target: "/v1/reload?x"},
		{target: "/v1/reload", body: tooLarge, change: reloading(nil)},
		{target: "/v1/reload", change: reloading(nil)},
		{target: "/v1/reload", change: reloading(Unfit{"log.level: is wrong"})},
		{target: "/v1/reload", change: reloading(context.DeadlineExceeded)},
		{target: "/v1/reload", change: reloading(kindOf(messages.ErrStopped))},
		{target: "/v1/reload", change: reloading(fmt.Errorf("nobody's"))},
	},
	"get /v1/openapi.yaml": {{target: "/v1/openapi.yaml"}, {target: "/v1/openapi.yaml?x"}},
	"get /healthz":         {{target: "/healthz"}, {target: "/healthz?x"}},
	"get /readyz": {
		{target: "/readyz"},
		{target: "/readyz?x"},
		{target: "/readyz", change: func(_ *fakeKeeper, o *Options) { o.Stopping = stoppingIf(true) }},
	},
	"get /metrics": {
		{target: "/metrics"},
		{target: "/metrics", change: withMetrics(nil)},
		{target: "/metrics?x"},
		{target: "/metrics", change: withMetrics("at the disco")},
	},
}

func reloading(err error) func(*fakeKeeper, *Options) {
	return func(_ *fakeKeeper, o *Options) {
		o.Reload = func(context.Context) (Reloaded, error) { return Reloaded{Reloaded: true, Added: 1}, err }
	}
}

func withMetrics(panicking any) func(*fakeKeeper, *Options) {
	return func(_ *fakeKeeper, o *Options) {
		o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if panicking != nil {
				panic(panicking)
			}
			_, _ = w.Write([]byte("metrics\n"))
		})
	}
}

// elsewhere are the statuses that come from what stands before the routes, from a
// handler that panics though this keeper does not make it, or take more than one
// request.
var elsewhere = map[string][]int{
	"get /v1/token/{service}": {401}, "post /v1/tokens": {401, 403, 429, 500}, "get /v1/services": {401, 403, 429, 500}, "get /v1/services/{service}": {401, 403, 429},
	"post /v1/services/{service}/refresh": {401}, "post /v1/services/{service}/invalidate": {401}, "get /v1/events": {401, 403},
	"post /v1/reload": {401, 403, 429}, "get /v1/openapi.yaml": {403, 500}, "get /healthz": {403, 500}, "get /readyz": {403, 500}, "get /metrics": {401, 403, 429},
}

func TestTheDescriptionHasEveryStatus(t *testing.T) {
	for _, method := range []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"} {
		occasions[method+" /v1/authorize/{service}"] = append(everyFailure("/v1/authorize/billing/x"),
			occasion{target: "/v1/authorize/billing"}, occasion{target: "/v1/authorize/billing", change: panics})
	}
	for path, item := range describe(t).Paths {
		for method, op := range item.Methods {
			name := method + " " + path
			seen := map[string]bool{"503": true} // too many connections
			for _, status := range elsewhere[name] {
				seen[strconv.Itoa(status)] = true
			}
			for _, o := range occasions[name] {
				seen[strconv.Itoa(o.answer(t, strings.ToUpper(method)))] = true
			}
			if described := slices.Sorted(maps.Keys(op.Responses)); !slices.Equal(described, slices.Sorted(maps.Keys(seen))) {
				t.Errorf("%s: %q are described, %q were seen", name, described, slices.Sorted(maps.Keys(seen)))
			}
		}
	}
}

func (o occasion) answer(t *testing.T, method string) int {
	k, opts := newFake(), Options{}
	if o.fails != nil {
		k.fails["billing"] = o.fails
	}
	if o.change != nil {
		o.change(k, &opts)
	}
	req := httptest.NewRequestWithContext(t.Context(), method, o.target, strings.NewReader(o.body))
	if strings.HasPrefix(o.target, "/v1/events") && k.panics == nil { // a recorder cannot stream
		r := &reader{header: http.Header{}}
		New(k, opts).ServeHTTP(r, req)
		return r.status
	}
	rec := httptest.NewRecorder()
	New(k, opts).ServeHTTP(rec, req)
	return rec.Code
}

// wired are the types that go over the wire, by the name of their schema.
var wired = map[string]reflect.Type{
	"Token": reflect.TypeFor[Token](), "Inject": reflect.TypeFor[Inject](), "TokenInfo": reflect.TypeFor[TokenInfo](), "Failure": reflect.TypeFor[Failure](),
	"Counters": reflect.TypeFor[Counters](), "Services": reflect.TypeFor[Services](), "Readiness": reflect.TypeFor[Readiness](), "Vault": reflect.TypeFor[Vault](),
	"Unready": reflect.TypeFor[Unready](), "Problem": reflect.TypeFor[Problem](), "Event": reflect.TypeFor[Event](),
	"Invalidated": reflect.TypeFor[Invalidated](), "Reloaded": reflect.TypeFor[Reloaded](), "Differences": reflect.TypeFor[Differences](),
}

// byHand are objects without a type of their own: what is required, and what not.
var byHand = map[string][2]string{
	"Batch": {"services", "min_ttl"}, "Invalidate": {"", "fingerprint"}, "Nothing": {"", ""}, "Health": {"status", ""}, "Tokens": {"errors tokens", ""},
}

func TestTheDescriptionHasEveryField(t *testing.T) {
	for name, schema := range describe(t).Components.Schemas {
		if schema.Type != "object" {
			continue
		}
		required, optional := fieldsOf(wired[name])
		if hand, ok := byHand[name]; ok {
			required, optional = strings.Fields(hand[0]), strings.Fields(hand[1])
		} else if wired[name] == nil {
			t.Errorf("schema %s is nothing that goes over the wire", name)
			continue
		}
		slices.Sort(schema.Required)
		all := slices.Sorted(slices.Values(append(required, optional...)))
		slices.Sort(required)
		if !slices.Equal(schema.Required, required) || !slices.Equal(slices.Sorted(maps.Keys(schema.Properties)), all) {
			t.Errorf("%s: required %q of %q, want %q of %q", name, schema.Required, slices.Sorted(maps.Keys(schema.Properties)), required, all)
		}
	}
	schemas := describe(t).Components.Schemas
	for name := range wired {
		if schemas[name].Type == "" {
			t.Errorf("%s is not described", name)
		}
	}
}

func fieldsOf(typ reflect.Type) (required, optional []string) {
	if typ == nil {
		return nil, nil
	}
	for field := range typ.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if options == "" {
			required = append(required, name)
		} else {
			optional = append(optional, name)
		}
	}
	return required, optional
}

func TestTheDescriptionHasEveryWord(t *testing.T) {
	d := describe(t)
	var problem struct {
		Properties struct {
			Code struct{ Enum []string }
		}
	}
	var event struct {
		Properties struct {
			Event struct{ Enum []string }
		}
	}
	reread(t, d.Components.Schemas["Problem"], &problem)
	reread(t, d.Components.Schemas["Event"], &event)
	codes := []string{
		CodeInvalidRequest, CodeUnauthenticated, CodeDenied, CodeUnknownService, CodeNotFound, CodeMethodNotAllowed, CodeTooLarge,
		CodeOverloaded, CodeInternal, CodeRejected, CodeInvalidResponse, CodeUnavailable, CodeStopped, CodeTimeout,
	}
	names := []string{EventGap}
	for _, e := range everyEvent {
		names = append(names, e.event.Name())
	}
	states := []string{messages.StateEmpty, messages.StateFresh, messages.StateDue, messages.StateDegraded, messages.StateExpired}
	classes := []string{
		messages.ClassRejected, messages.ClassMalformed, messages.ClassThrottled, messages.ClassAmbiguous, messages.ClassPanic, messages.ClassTransient,
	}
	for what, pair := range map[string][2][]string{
		"codes":   {problem.Properties.Code.Enum, codes},
		"events":  {event.Properties.Event.Enum, names},
		"states":  {d.Components.Schemas["State"].Enum, states},
		"classes": {d.Components.Schemas["Class"].Enum, classes},
	} {
		if described, want := slices.Sorted(slices.Values(pair[0])), slices.Sorted(slices.Values(pair[1])); !slices.Equal(described, want) {
			t.Errorf("%s: %q are described, there are %q", what, described, want)
		}
	}
}

// reread reads part of the document into another form.
func reread(t *testing.T, from schemaObject, into any) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"Properties": from.Properties})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}
