package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

var hereDocument = regexp.MustCompile(`(?ms)^cat >\S+ <<'EOF'\n(.*?)^EOF$`)

// excerpt writes a here-document of a document to a file, for a node that listens
// where the story wants it. Where the text has servers, there is nobody.
func excerpt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: excerpt DOCUMENT WORD FILE")
	}
	text, err := os.ReadFile(filepath.Join("..", "..", args[0]))
	ts.Check(err)
	for _, m := range hereDocument.FindAllStringSubmatch(string(text), -1) {
		if strings.Contains(m[1], args[1]) {
			put(ts, args[2], strings.NewReplacer(
				"/tmp/tokend.sock", ts.Getenv("SOCK"),
				"https://idp.example", "http://127.0.0.1:1", "https://erp.example", "http://127.0.0.1:1",
			).Replace(m[1]))
			return
		}
	}
	ts.Fatalf("%s has no text with %s", args[0], args[1])
}

// here changes a configuration of deploy so that everything is in the directory of the
// story, and whoever runs that is root.
func here(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: here FILE")
	}
	work := ts.Getenv("WORK")
	put(ts, args[0], strings.NewReplacer(
		"/run/tokend/tokend.sock", ts.Getenv("SOCK"), "127.0.0.1:7460", "127.0.0.1:"+ts.Getenv("PORT"),
		"/run/credentials/tokend.service", filepath.Join(work, "etc/tokend/secrets"),
		"/var/lib/tokend", filepath.Join(work, "var"),
		"https://idp.example/oauth2/token", ts.Getenv("IDP")+"/token",
		"uid: 0,", "uid: "+strconv.Itoa(os.Getuid())+",",
	).Replace(ts.ReadFile(args[0])))
}

func put(ts *testscript.TestScript, file, text string) {
	ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o600))
}
