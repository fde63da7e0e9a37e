package provider

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tokend/messages"
)

func TestWhatIsAskedForIsTold(t *testing.T) {
	c := client(t, "https://idp.example/")
	if _, ok := mustClient(t, c).(Scoped); ok {
		t.Error("asks for scopes, though none are configured")
	}
	c.Scopes = []string{"a", "b"}
	if p, ok := mustClient(t, c).(Scoped); !ok || !cmp.Equal(p.Asked(), c.Scopes) {
		t.Error("does not tell its scopes")
	}
}

func TestALoginTellsWhatItsRequestAsksFor(t *testing.T) {
	for name, c := range map[string]struct {
		req  HTTPRequest
		want []string
	}{
		"nothing":                {HTTPRequest{}, nil},
		"a form":                 {HTTPRequest{Form: map[string]string{"scope": "a b"}}, []string{"a", "b"}},
		"a query":                {HTTPRequest{Query: map[string]string{"scope": "a"}}, []string{"a"}},
		"JSON, a text":           {HTTPRequest{JSON: map[string]any{"scope": "a b"}}, []string{"a", "b"}},
		"JSON, a list":           {HTTPRequest{JSON: map[string]any{"scope": []any{"a", "b", 7}}}, []string{"a", "b"}},
		"JSON, a number":         {HTTPRequest{JSON: map[string]any{"scope": 7}}, nil},
		"JSON, a list of logins": {HTTPRequest{JSON: []any{"scope"}}, nil},
		"by reference":           {HTTPRequest{Form: map[string]string{"scope": "a hush"}, Secrets: []messages.Secret{messages.NewSecret("hush")}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c.req.URL = "https://idp.example/"
			l := Login{
				Endpoint: reach(t), Response: Response{Token: "t", Scope: "s"},
				Request: func() (HTTPRequest, error) { return c.req, nil },
			}
			var got []string
			if p, ok := mustLogin(t, l).(Scoped); ok {
				got = p.Asked()
			}
			if !cmp.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			l.Response.Scope = ""
			if _, ok := mustLogin(t, l).(Scoped); ok {
				t.Error("compares what the answer does not tell")
			}
		})
	}
}
