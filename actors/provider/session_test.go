package provider

import (
	"net/http"
	"testing"
)

// sets answers with cookies.
func sets(cookies ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.Header()["Set-Cookie"] = cookies }
}

func TestACookieIsDeletedAtItsOwnPathOnly(t *testing.T) {
	const missing = "response.token_cookie is missing"
	for name, c := range map[string]struct {
		first, last http.HandlerFunc
		want        string // the token, or why there is none
	}{
		"at another path":           {sets(), sets("sid=at; path=/", "sid=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; Max-Age=0; path=/old"), "at"},
		"at another path, before":   {sets(), sets("sid=; Max-Age=0; path=/old", "sid=at; path=/"), "at"},
		"of another domain":         {sets(), sets("sid=at", "sid=x; Max-Age=0; domain=.example.com"), "at"},
		"by a date":                 {sets(), sets("sid=at; path=/", "sid=x; expires=Thu, 01 Jan 1970 00:00:00 GMT; path=/old"), "at"},
		"by a date of two digits":   {sets(), sets("sid=at; path=/", "sid=x; expires=Thursday, 01-Jan-70 00:00:01 GMT; path=/old"), "at"},
		"by a date of C":            {sets(), sets("sid=at; path=/", "sid=x; expires=Thu Jan  1 00:00:01 1970; path=/old"), "at"},
		"by an empty value":         {sets(), sets("sid=at; path=/", "sid=; path=/old"), "at"},
		"at the path of the answer": {sets(), sets("sid=at; path=/", "sid=x; Max-Age=0"), missing},
		"at its own path":           {sets(), sets("sid=at; path=/a", "sid=x; Max-Age=-1; path=/a"), missing},
		"that of a step, elsewhere": {sets("sid=at; path=/"), sets("sid=x; Max-Age=0; path=/old"), "at"},
		"that of a step":            {sets("sid=at; path=/"), sets("sid=x; Max-Age=0; path=/"), missing},
		"that of a step, again set": {sets("sid=x; path=/"), sets("sid=x; Max-Age=0; path=/", "sid=at; path=/"), "at"},
		"two that live: the last":   {sets("sid=x; path=/a"), sets("sid=at; path=/b"), "at"},
		"with an end to come":       {sets(), sets("sid=at; expires=Fri, 01 Jan 2999 00:00:00 GMT", "sid=x; Max-Age=0; path=/old"), "at"},
		"without a directory":       {sets(), sets("sid=at; path=last", "sid=x; Max-Age=0; path=/old"), "at"},
	} {
		t.Run(name, func(t *testing.T) {
			url, _ := answering(t, c.first, c.last)
			l := stepped(t, url, Step{}, HTTPRequest{})
			l.Response = Response{TokenCookie: "sid"}
			res, err := Acquire(t.Context(), mustLogin(t, l), Request{Service: "billing"})
			got := res.AccessToken.Reveal()
			if err != nil {
				got = asError(t, err).Text
			}
			if got != c.want && got != "step 2 of 2: "+c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
