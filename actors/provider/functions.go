package provider

import (
	"cmp"
	"crypto"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// function is what a template may call.
type function struct {
	usage       string
	least, most int                             // number of values
	bytes       bool                            // it comes to bytes, which need an encoding before they are sent
	passes      bool                            // bytes that are given to it come out of it
	raw         bool                            // so do characters that mean something in a URL
	pure        bool                            // it comes to the same whenever its values are the same
	part        string                          // part of the request that it needs; empty: none
	public      bool                            // nothing that it comes to is secret by itself
	cost        int                             // of one call, in bytes read
	judge       func(i int, value string) error // of a value that is the same for every request
	apply       func(s *scope, args []string) (string, error)
}

// The parts of a request that functions need.
const (
	partMethod = "method"
	partHost   = "host"
	partPath   = "path"
	partParams = "params"
	partBody   = "body"
	partQuery  = "query"
)

// signCost bounds how often one request may be signed with a key.
const signCost = 256 << 10

// anyNumber of values.
const anyNumber = 1 << 20

// functions are all that templates may call.
var functions = map[string]*function{
	"timestamp":    {usage: "timestamp", public: true, apply: func(s *scope, _ []string) (string, error) { return strconv.FormatInt(s.now.Unix(), 10), nil }},
	"timestamp_ms": {usage: "timestamp_ms", public: true, apply: func(s *scope, _ []string) (string, error) { return strconv.FormatInt(s.now.UnixMilli(), 10), nil }},
	"time":         {usage: "time FORMAT [OFFSET]", least: 1, most: 2, public: true, judge: judgeTime, apply: formatted},
	"nonce":        {usage: "nonce", apply: func(s *scope, _ []string) (string, error) { return s.nonce(), nil }},
	"uuid":         {usage: "uuid", apply: func(s *scope, _ []string) (string, error) { return s.uuid(), nil }},

	"hmac_sha256": keyed(sha256.New), "hmac_sha512": keyed(sha512.New), "hmac_sha1": keyed(sha1.New), "hmac_md5": keyed(md5.New),
	"sha256": digest(sha256.New), "sha512": digest(sha512.New), "sha1": digest(sha1.New), "md5": digest(md5.New),
	"rsa_sha256": {
		usage: "rsa_sha256 KEY TEXT", least: 2, most: 2, bytes: true, pure: true, cost: signCost,
		judge: judgeRSA, apply: signRSA,
	},

	"hex":           textual("hex TEXT", func(v string) (string, error) { return hex.EncodeToString([]byte(v)), nil }),
	"base64":        textual("base64 TEXT", func(v string) (string, error) { return base64.StdEncoding.EncodeToString([]byte(v)), nil }),
	"base64url":     textual("base64url TEXT", func(v string) (string, error) { return base64.RawURLEncoding.EncodeToString([]byte(v)), nil }),
	"hex_decode":    decoding("hex_decode TEXT", hexDecode),
	"base64_decode": decoding("base64_decode TEXT", base64Decode),
	"lower":         changed("lower TEXT", func(v string) (string, error) { return strings.ToLower(v), nil }),
	"upper":         changed("upper TEXT", func(v string) (string, error) { return strings.ToUpper(v), nil }),
	"json":          rawly(textual("json TEXT", func(v string) (string, error) { return asJSONString(v), nil })),
	"url_escape":    textual("url_escape TEXT", func(v string) (string, error) { return escapeURL(v), nil }),
	"concat":        {usage: "concat TEXT…", least: 1, most: anyNumber, passes: true, raw: true, pure: true, apply: func(_ *scope, args []string) (string, error) { return strings.Join(args, ""), nil }},

	"method": requestPart(partMethod, func(p *requestParts) string { return p.method }),
	"host":   requestPart(partHost, func(p *requestParts) string { return p.host }),
	"path":   requestPart(partPath, func(p *requestParts) string { return p.path }),
	"body":   requestPart(partBody, func(p *requestParts) string { return p.body }),
	"query":  requestPart(partQuery, func(p *requestParts) string { return p.query }),
	"params": {usage: "params [BETWEEN [PAIRS]]", most: 2, part: partParams, apply: joinParams},
}

// names of functions, known before functions are: those refer to errors that list
// them.
func functionNames() string { return strings.Join(slices.Sorted(maps.Keys(functions)), ", ") }

func keyed(h func() hash.Hash) *function {
	return &function{
		usage: "it takes KEY TEXT", least: 2, most: 2, bytes: true, pure: true, judge: judgeKey,
		apply: func(_ *scope, args []string) (string, error) {
			if err := judgeKey(0, args[0]); err != nil {
				return "", err
			}
			mac := hmac.New(h, []byte(args[0]))
			_, _ = mac.Write([]byte(args[1])) // a Hash never fails
			return string(mac.Sum(nil)), nil
		},
	}
}

func judgeKey(i int, value string) error {
	if i == 0 && value == "" {
		return errors.New("{{ }} signs with an empty key")
	}
	return nil
}

func digest(h func() hash.Hash) *function {
	return &function{
		usage: "it takes TEXT", least: 1, most: 1, bytes: true, pure: true,
		apply: func(_ *scope, args []string) (string, error) {
			sum := h()
			_, _ = sum.Write([]byte(args[0])) // a Hash never fails
			return string(sum.Sum(nil)), nil
		},
	}
}

func textual(usage string, f func(string) (string, error)) *function {
	return &function{
		usage: usage, least: 1, most: 1, pure: true,
		apply: func(_ *scope, args []string) (string, error) { return f(args[0]) },
	}
}

func changed(usage string, f func(string) (string, error)) *function {
	made := textual(usage, f)
	made.passes = true
	return rawly(made)
}

func rawly(f *function) *function {
	f.raw = true
	return f
}

func decoding(usage string, f func(string) (string, error)) *function {
	made := textual(usage, f)
	made.bytes = true
	return made
}

func requestPart(name string, of func(*requestParts) string) *function {
	return &function{
		usage: name, part: name, public: name != partBody && name != partQuery,
		apply: func(s *scope, _ []string) (string, error) { return of(&s.made), nil },
	}
}

// layouts are the names of common forms of time.
var layouts = map[string]string{
	"rfc3339": time.RFC3339, "http": http.TimeFormat, "rfc1123": time.RFC1123Z,
	"date": time.DateOnly, "datetime": time.DateTime, "compact": "20060102150405",
}

var errOffset = errors.New("{{ }} calls time with an offset that is none, such as +08:00")

func judgeTime(i int, value string) error {
	if _, err := time.Parse("-07:00", value); i == 1 && err != nil {
		return errOffset
	}
	return nil
}

// formatted returns the time in one of the layouts, or in one of package time.
func formatted(s *scope, args []string) (string, error) {
	at := s.now.UTC()
	if len(args) == 2 {
		zone, err := time.Parse("-07:00", args[1])
		if err != nil {
			return "", errOffset
		}
		_, offset := zone.Zone()
		at = at.In(time.FixedZone("", offset)) // that of zone may be the machine's
	}
	return at.Format(cmp.Or(layouts[args[0]], args[0])), nil
}

var errNoRSA = errors.New("{{ }} signs with a key that is no RSA key")

func parseRSA(text string) (*rsa.PrivateKey, error) {
	key, err := parseKey(text)
	if err != nil {
		return nil, fmt.Errorf("{{ }} signs with a key that %w", err)
	}
	of, ok := key.Signer.(*rsa.PrivateKey)
	if !ok {
		return nil, errNoRSA
	}
	return of, nil
}

func judgeRSA(i int, value string) error {
	if i > 0 {
		return nil
	}
	_, err := parseRSA(value)
	return err
}

// signRSA signs as RS256 does (RFC 7518, section 3.3): PKCS #1 v1.5 with SHA-256.
func signRSA(_ *scope, args []string) (string, error) {
	key, err := parseRSA(args[0])
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(args[1]))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	return string(signature), err
}

func hexDecode(v string) (string, error) {
	raw, err := hex.DecodeString(v)
	if err != nil {
		return "", errors.New("{{ }} decodes what is no hex")
	}
	return string(raw), nil
}

// base64Decode takes both alphabets, with and without padding.
func base64Decode(v string) (string, error) {
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(v, "="))
	raw, err := base64.RawStdEncoding.DecodeString(plain)
	if err != nil {
		return "", errors.New("{{ }} decodes what is no base64")
	}
	return string(raw), nil
}

// escapeURL escapes everything but the unreserved characters of RFC 3986, section
// 2.3.
func escapeURL(v string) string {
	var out strings.Builder
	for i := range len(v) {
		if c := v[i]; c < 0x80 && alphanumeric(rune(c)) || strings.IndexByte("-._~", c) >= 0 {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}

// asJSONString returns a text as JSON has it, quotes included.
func asJSONString(v string) string { return `"` + asJSONText(v) + `"` }

// param is a parameter of a request.
type param struct{ name, value string }

// joinParams returns the parameters by name, name=value&name=value without any
// escapes, or with other texts in between.
func joinParams(s *scope, args []string) (string, error) {
	between, pairs := "=", "&"
	if len(args) > 0 {
		between = args[0]
	}
	if len(args) > 1 {
		pairs = args[1]
	}
	list := make([]string, len(s.made.params))
	for i, p := range s.made.params {
		list[i] = p.name + between + p.value
	}
	return strings.Join(list, pairs), nil
}
