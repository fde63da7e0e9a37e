package provider

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"tokend/messages"
)

// signTime is when requests are signed in these tests.
var signTime = time.Date(2026, 3, 1, 12, 0, 0, 987e6, time.UTC)

// refs resolves ${key} to k, ${evil} to what a template must not be made of, and
// knows no other.
func refs(text string) (Text, error) {
	if strings.Contains(text, "${gone}") {
		return Text{}, errors.New("${gone}: not set")
	}
	whole := strings.NewReplacer("${key}", "open sesame", "${evil}", `{{ nonce }}"`, "${rsa}", rsaPEM()).Replace(text)
	t := Text{Secret: messages.NewSecret(whole)}
	if strings.Contains(text, "${key}") {
		t.Parts = []messages.Secret{messages.NewSecret("open sesame")}
	}
	return t, nil
}

// rsaPEM returns an RSA key.
var rsaPEM = sync.OnceValue(func() string {
	key, err := rsa.GenerateKey(rand.Reader, minRSA)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
})

// signScope returns a scope whose request is known whole.
func signScope() *scope {
	s := newScope(signTime, map[string]string{"challenge": "c-1", "evil": "{{ nonce }}"}, refs)
	s.made = requestParts{
		method: "POST", host: "erp.example:8443", path: "/a%20b", query: "a=1&b=2", body: `{"a":1}`,
		params: []param{{"a", "1"}, {"b", "x y"}},
	}
	return s
}

func rendered(t *testing.T, text string, s *scope) string {
	t.Helper()
	read, err := parseTemplate(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if err := read.check(s); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	out, err := read.render(s)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out
}

func TestTemplates(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "",
		"no call, $ and } and }}":        "no call, $ and } and }}",
		"a{{ timestamp }}b":              "a1772366400b",
		"{{ timestamp_ms }}":             "1772366400987",
		`{{ time "rfc3339" }}`:           "2026-03-01T12:00:00Z",
		`{{ time "http" }}`:              "Sun, 01 Mar 2026 12:00:00 GMT",
		`{{ time "rfc1123" }}`:           "Sun, 01 Mar 2026 12:00:00 +0000",
		`{{ time "date" }}`:              "2026-03-01",
		`{{ time "compact" }}`:           "20260301120000",
		`{{ time "20060102T1504" }}`:     "20260301T1200",
		`{{ time "datetime" "+08:00" }}`: "2026-03-01 20:00:00",
		`{{ time "rfc3339" "-03:30" }}`:  "2026-03-01T08:30:00-03:30",
		// RFC 4231, section 4.3, and RFC 2202, sections 2 and 3.
		`{{ hmac_sha256 "Jefe" "what do ya want for nothing?" | hex }}`: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		`{{ hmac_sha512 "Jefe" "what do ya want for nothing?" | hex }}`: "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
		`{{ hmac_sha1 "Jefe" "what do ya want for nothing?" | hex }}`:   "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
		`{{ hmac_md5 "Jefe" "what do ya want for nothing?" | hex }}`:    "750c783e6ab0b503eaa86e310a5db738",
		// FIPS 180-4's "abc", and RFC 1321, appendix A.5.
		`{{ "abc" | sha256 | hex }}`:                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		`{{ sha1 "abc" | hex | upper }}`:                    "A9993E364706816ABA3E25717850C26C9CD0D89D",
		`{{ md5 "abc" | hex }}`:                             "900150983cd24fb0d6963f7d28e17f72",
		`{{ sha512 "abc" | base64 }}`:                       "3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==",
		"{{ `a\\n` | hex }}":                                "615c6e",
		`{{ base64url "\xfb\xff" }}`:                        "-_8",
		`{{ base64 "\xfb\xff" }}`:                           "+/8=",
		`{{ base64_decode "-_8" | hex }}`:                   "fbff",
		`{{ base64_decode "+/8=" | hex }}`:                  "fbff",
		`{{ hex_decode "6a" | base64 }}`:                    "ag==",
		`{{ json "a\"b\n" }}`:                               `"a\"b\n"`,
		`{{ url_escape "a b/ü~" }}`:                         "a%20b%2F%C3%BC~",
		`{{ upper "aü" }}{{ lower "AÜ" }}`:                  "AÜaü",
		`{{ concat "a" (upper "b") .challenge }}`:           "aBc-1",
		`{{ .challenge }}`:                                  "c-1",
		`{{- /* why */ -}} a`:                               "a",
		`{{ concat method "\n" host path "?" query body }}`: "POST\nerp.example:8443/a%20b?a=1&b=2{\"a\":1}",
		`{{ params }}`:                                      "a=1&b=x y",
		`{{ params ":" }}`:                                  "a:1&b:x y",
		`{{ params "" "" }}`:                                "a1bx y",
		`{{ "," | params ":" }}`:                            "a:1,b:x y",
		// What is brought in is no template, and no quote ends there.
		"${key}":                "open sesame",
		`{{ lower "${evil}" }}`: `{{ nonce }}"`,
		"${evil}{{ .evil }}":    `{{ nonce }}"{{ nonce }}`,
		`{{ hmac_sha256 "${key}" .challenge | hex }}`: "768ea32312de3ed6cd0c919419b4276ac2aaab76944e0cd7e374491aa13c78b1",
	} {
		if got := rendered(t, text, signScope()); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
}

func TestTimeAndNonceAreTheSameInOneRequestAlone(t *testing.T) {
	s, other := signScope(), signScope()
	nonce, uuid := rendered(t, "{{ nonce }}", s), rendered(t, "{{ uuid }}", s)
	if nonce != rendered(t, "{{ nonce }}", s) || uuid != rendered(t, "{{ uuid }}", s) {
		t.Error("they differ within one request")
	}
	if nonce == rendered(t, "{{ nonce }}", other) || uuid == rendered(t, "{{ uuid }}", other) {
		t.Error("they are the same in two requests")
	}
	if !regexp.MustCompile("^[0-9a-f]{32}$").MatchString(nonce) {
		t.Errorf("nonce %s", nonce)
	}
	if !regexp.MustCompile("^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$").MatchString(uuid) {
		t.Errorf("uuid %s", uuid)
	}
}

// unworkable returns templates that cannot work, each with what is said about it.
func unworkable() map[string]string {
	size := strings.Repeat("a", maxTemplate+1)
	deep := strings.Repeat("lower (", 200) + `"a"` + strings.Repeat(")", 200)
	return map[string]string{
		"{{":                                    errSyntax.Error(),
		"{{ }}":                                 errSyntax.Error(),
		`{{ lower "canary }}`:                   errSyntax.Error(),
		`{{ lower ("a" }}`:                      errSyntax.Error(),
		"{{ $canary }}":                         errSyntax.Error(),
		"{{ if nonce }}a{{ end }}":              errTakesNothing.Error(),
		"{{ range nonce }}{{ end }}":            errTakesNothing.Error(),
		"{{ with nonce }}{{ end }}":             errTakesNothing.Error(),
		"{{ end }}":                             errSyntax.Error(),
		`{{ define "request" }}a{{ end }}`:      errTakesNothing.Error(),
		`{{ define "x" }}a{{ end }}b`:           errTakesNothing.Error(),
		`{{ block "x" nonce }}a{{ end }}`:       errTakesNothing.Error(),
		`{{ template "x" }}`:                    errTakesNothing.Error(),
		"{{ $a := nonce }}":                     errTakesNothing.Error(),
		"{{ 1 }}":                               errTakesNothing.Error(),
		"{{ . }}":                               errTakesNothing.Error(),
		"{{ .a.b }}":                            errTakesNothing.Error(),
		"{{ nil }}":                             errTakesNothing.Error(),
		"{{ true }}":                            errTakesNothing.Error(),
		"{{ lower true }}":                      errTakesNothing.Error(),
		"{{ (nonce).x }}":                       errTakesNothing.Error(),
		`{{ "a" "b" }}`:                         errTakesNothing.Error(),
		`{{ nonce | "a" }}`:                     errSyntax.Error(),
		`{{ nonce | (lower "a") }}`:             errTakesNothing.Error(),
		`{{ nonce | .challenge }}`:              errTakesNothing.Error(),
		`{{ printf "%99999999d" }}`:             errNoFunction.Error(),
		"{{ canary }}":                          errNoFunction.Error(),
		"{{ lower canary }}":                    errNoFunction.Error(),
		"{{ lower (upper canary) }}":            errNoFunction.Error(),
		"{{ lower upper }}":                     "{{ }} names upper as a value: put its call into brackets",
		`{{ hmac_sha256 "canary" }}`:            "{{ }} calls hmac_sha256 with 1 values: it takes KEY TEXT",
		`{{ nonce "canary" }}`:                  "{{ }} calls nonce with 1 values: nonce",
		`{{ sha256 "a" }}`:                      errBytes.Error(),
		`{{ concat "a" (sha256 "a") | lower }}`: errBytes.Error(),
		`{{ base64_decode "YQ" }}`:              errBytes.Error(),
		size:                                    errTemplateSize.Error(),
		"{{ .canary }}":                         "{{ }} uses a captured value that no step before this request captures",
		`{{ hmac_sha256 .canary nonce | hex }}`: "{{ }} uses a captured value that no step before this request captures",
		"${gone}":                               "${gone}: not set",
		`{{ concat "${gone}" nonce }}`:          "${gone}: not set",
		`{{ hmac_sha256 "" nonce | hex }}`:      "{{ }} signs with an empty key",
		`{{ rsa_sha256 "canary" nonce | hex }}`: "{{ }} signs with a key that is neither a private key in PEM form nor a JWK",
		`{{ rsa_sha256 "canary" "a" | hex }}`:   "{{ }} signs with a key that is neither a private key in PEM form nor a JWK",
		`{{ time "rfc3339" "canary" }}`:         errOffset.Error(),
		`{{ hex_decode "canary" | hex }}`:       "{{ }} decodes what is no hex",
		`{{ concat nonce (base64_decode "?canary" | hex) }}`:         "{{ }} decodes what is no base64",
		"{{ " + deep + strings.Repeat(` | concat "a"`, 3000) + " }}": errTooMuchMade.Error(),
	}
}

func TestTemplatesThatCannotWork(t *testing.T) {
	for text, want := range unworkable() {
		read, err := parseTemplate(text)
		if err == nil {
			err = read.check(signScope())
		}
		if err == nil || err.Error() != want {
			t.Errorf("%.80s\ngot  %v\nwant %s", text, err, want)
		}
	}
}

func TestWhatTemplatesMakeIsBounded(t *testing.T) {
	s := signScope()
	s.made.body = strings.Repeat("a", maxMade)
	for _, text := range []string{
		"{{ concat body body }}", "{{ body }}{{ body }}", "{{ hex body }}",
		strings.Repeat("{{ sha256 body | hex }}", 20),
		strings.Repeat(`{{ rsa_sha256 "${rsa}" nonce | hex }}`, 65),
	} {
		read, err := parseTemplate(text)
		if err != nil {
			t.Fatal(err)
		}
		s.work = 0
		if out, err := read.render(s); !errors.Is(err, errTooMuchMade) || out != "" {
			t.Errorf("%.40s: %v", text, err)
		}
	}
}

func TestASignatureWithAKeyCanBeVerified(t *testing.T) {
	key, err := parseRSA(rsaPEM())
	if err != nil {
		t.Fatal(err)
	}
	text := rendered(t, `{{ rsa_sha256 "${rsa}" (concat method path) | base64url }}`, signScope())
	signature, err := base64.RawURLEncoding.DecodeString(text)
	sum := sha256.Sum256([]byte("POST/a%20b"))
	if err != nil || rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], signature) != nil {
		t.Errorf("%s is no signature, %v", text, err)
	}
}

func TestAKeyOfAnotherKindDoesNotSign(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
	if _, err := signRSA(nil, []string{text, "a"}); !errors.Is(err, errNoRSA) {
		t.Errorf("got %v", err)
	}
}

func FuzzTemplate(f *testing.F) {
	for _, text := range []string{
		"a{{ timestamp }}b", `{{ hmac_sha256 "${key}" (params "" "") | hex | upper }}`, "{{ .challenge | url_escape }}",
		`{{ concat "a" (base64_decode .challenge | hex) }}`, "{{ if nonce }}{{ end }}", `{{ define "request" }}{{ end }}`,
		"{{- `x` | time -}}", `{{ rsa_sha256 .challenge body | base64url }}`, "{{ (((nonce))) }}", "{{ nonce | | }}",
	} {
		f.Add(text, "c-1")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		read, err := parseTemplate(text)
		if err != nil {
			return
		}
		s := signScope()
		s.captured["challenge"] = value
		if err := read.check(s); err != nil {
			return
		}
		out, err := read.render(s)
		if len(out) > maxMade || s.work > maxWork+2*maxMade || err != nil && out != "" {
			t.Errorf("%d bytes of work %d, %v", len(out), s.work, err)
		}
		if again, err2 := read.render(s); err == nil && err2 == nil && again != out {
			t.Errorf("%q, then %q", out, again)
		}
	})
}
