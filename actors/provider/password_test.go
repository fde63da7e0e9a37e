package provider

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tokend/messages"
)

func byPassword(t *testing.T, url string) Password {
	t.Helper()
	return Password{Grant: Grant(client(t, url)), Username: "archivist", Password: hush("hunter2-hunter2")}
}

func TestAPasswordIsSent(t *testing.T) {
	handler, requests := record(t)
	settings := byPassword(t, serve(t, handler).URL)
	settings.Scopes = []string{"read"}
	p, err := NewPassword(settings)
	if err != nil {
		t.Fatal(err)
	}
	acquire(t, p)
	want := url.Values{"grant_type": {"password"}, "username": {"archivist"}, "password": {"hunter2-hunter2"}, "scope": {"read"}}
	if diff := cmp.Diff(want, (<-requests).form); diff != "" {
		t.Error(diff)
	}
}

func TestP7APasswordDoesNotShow(t *testing.T) {
	p, err := NewPassword(byPassword(t, serve(t, says(400, `{"error":"invalid_grant","error_description":"hunter2-hunter2 is wrong"}`)).URL))
	if err != nil {
		t.Fatal(err)
	}
	got := failure(t, p)
	wantFailure(t, got, messages.ClassRejected, "400 invalid_grant: [redacted] is wrong")
	if text := asJSON(p); strings.Contains(text, "hunter2") {
		t.Error(text)
	}
}

func TestPasswordsThatCannotWork(t *testing.T) {
	for want, change := range map[string]func(*Password){
		"username: missing":  func(p *Password) { p.Username = "" },
		"password: missing":  func(p *Password) { p.Password = nil },
		"client_id: missing": func(p *Password) { p.ClientID = "" },
	} {
		settings := byPassword(t, "https://idp.example/")
		change(&settings)
		if _, err := NewPassword(settings); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	settings := byPassword(t, "https://127.0.0.1:1/")
	settings.Password = hush("")
	p, err := NewPassword(settings)
	if err != nil {
		t.Fatal(err)
	}
	wantFailure(t, failure(t, p), messages.ClassTransient, "password: is empty")
}
