package provider

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"testing"

	"tokend/messages"
)

// gzipped returns text compressed.
func gzipped(text string) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = io.WriteString(z, text) // a Buffer takes everything
	_ = z.Close()
	return out.Bytes()
}

func TestCompressedAnswers(t *testing.T) {
	good, nothing := gzipped(goodAnswer), gzipped("")
	broken := bytes.Clone(good)
	broken[len(broken)-6] ^= 1 // of the checksum
	const undecodable = "answer cannot be decompressed"
	for name, c := range map[string]struct {
		encoding string
		body     []byte
		want     string // empty: a token
	}{
		"gzip":                      {"gzip", good, ""},
		"by its older name":         {"X-GZip", good, ""},
		"in parts":                  {"gzip", append(gzipped(goodAnswer[:10]), gzipped(goodAnswer[10:])...), ""},
		"parts of nothing":          {"gzip", append(bytes.Repeat(nothing, 1000), good...), ""},
		"nothing":                   {"gzip", nil, "answer is empty"},
		"nothing, compressed":       {"gzip", nothing, "answer is empty"},
		"cut":                       {"gzip", good[:len(good)-10], undecodable},
		"cut in its header":         {"gzip", good[:5], undecodable},
		"of a checksum that is off": {"gzip", broken, undecodable},
		"with something after it":   {"gzip", append(bytes.Clone(good), "rest"...), undecodable},
		"twice":                     {"gzip", gzipped(string(good)), "answer is not JSON: is token_url right?"},
		"not at all":                {"gzip", []byte(goodAnswer), undecodable},
		"without a word":            {"", good, "answer is not JSON: is token_url right?"},
		"parts of nothing, endless": {"gzip", append(bytes.Repeat(nothing, maxBody/len(nothing)+1), good...), "answer is larger than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, says(200, string(c.body), "Content-Encoding", c.encoding))
			p := mustClient(t, client(t, server.URL))
			if c.want == "" {
				acquire(t, p)
				return
			}
			wantFailure(t, failure(t, p), messages.ClassMalformed, c.want)
		})
	}
}

func TestCompressionIsAskedFor(t *testing.T) {
	asked := make(chan []string, 1)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Header["Accept-Encoding"]
		says(200, goodAnswer)(w, r)
	})
	acquire(t, mustClient(t, client(t, server.URL)))
	if got := <-asked; len(got) != 1 || got[0] != "gzip" {
		t.Errorf("asked for %v", got)
	}
	l := loginTo(t, server.URL, Response{Token: "access_token"})
	l.Request = func() (HTTPRequest, error) {
		return HTTPRequest{URL: server.URL, Headers: map[string]string{"accept-encoding": "identity"}}, nil
	}
	acquire(t, mustLogin(t, l))
	if got := <-asked; len(got) != 1 || got[0] != "identity" {
		t.Errorf("asked for %v", got)
	}
}

func FuzzCompressedAnswer(f *testing.F) {
	f.Add(gzipped(goodAnswer))
	f.Add(append(gzipped(""), gzipped("x")...))
	f.Add(gzipped(goodAnswer)[:20])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		a := &answer{status: 200, header: http.Header{"Content-Encoding": {"gzip"}}}
		switch err := a.read(bytes.NewReader(body)); {
		case err != nil && err != errUndecodable:
			t.Error(err)
		case len(a.body) > maxBody || a.tooLarge && a.body != nil:
			t.Errorf("%d bytes", len(a.body))
		}
	})
}
