package httpapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"tokend/messages"
)

func TestExpiresInIsRoundedDownAndNeverNegative(t *testing.T) {
	tests := map[string]struct {
		left time.Duration
		want int64
	}{
		"whole seconds":      {30 * time.Second, 30},
		"almost one more":    {31*time.Second - time.Nanosecond, 30},
		"less than a second": {time.Second - time.Nanosecond, 0},
		"died meanwhile":     {-time.Minute, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tok := billing()
			tok.ExpiresAt = noon.Add(tt.left)
			if got := TokenOf(tok, noon).ExpiresIn; got == nil || *got != tt.want {
				t.Errorf("expires_in %v, want %d", got, tt.want)
			}
		})
	}
}

func TestTokenPrintsRedacted(t *testing.T) {
	tok := TokenOf(billing(), noon)
	marshalled, err := json.Marshal(map[string]any{"token": tok})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(marshalled), fmt.Sprintf("%v %+v %#v %v", tok, tok, tok, &tok)} {
		if strings.Contains(text, secretValue) {
			t.Errorf("the value shows in %s", text)
		}
	}
}

func TestTokenIsReadAsItWasWritten(t *testing.T) {
	tok := TokenOf(billing(), noon)
	var back Token
	if err := json.Unmarshal(tok.AppendJSON(nil), &back); err != nil {
		t.Fatal(err)
	}
	if back.AccessToken.Reveal() != secretValue || *back.ExpiresIn != 90 || !back.ExpiresAt.Equal(tok.ExpiresAt) || back.Scope != "read write" || back.Generation != 7 {
		t.Errorf("read %+v", back)
	}
}

func TestTimesAreUTCAndNeverLater(t *testing.T) {
	at := noon.Add(1999 * time.Microsecond).In(time.FixedZone("x", 3600))
	if got := instant(at).Format(time.RFC3339Nano); got != "2026-03-01T12:00:00.001Z" {
		t.Errorf("instant is %s", got)
	}
	if !instant(time.Time{}).IsZero() {
		t.Error("no time has become one")
	}
}

func TestSizeHoldsAToken(t *testing.T) {
	tok := billing()
	tok.Service, tok.Generation = strings.Repeat("s", maxName), 1<<64-1
	tok.ExpiresAt = noon.Add(time.Duration(1<<63 - 1)).UTC()
	wire := TokenOf(tok, noon)
	if got := len(wire.AppendJSON(nil)); got > wire.size() {
		t.Errorf("%d bytes do not fit into %d", got, wire.size())
	}
}

func TestBuffersAreWiped(t *testing.T) {
	h := &handler{}
	b := h.buffer(10)
	*b = append(*b, secretValue...)
	whole := (*b)[:cap(*b)]
	h.release(b)
	if strings.Trim(string(whole), "\x00") != "" {
		t.Error("something is left in the buffer")
	}
}

func FuzzString(f *testing.F) {
	for _, s := range []string{"", "plain", "quote \" and \\", "\x00\x1f\n\r\t", "\xff\xc3", "é\u2028\U0001f600", "eight by\x7fte~ plain\x1f ones", "12345678\"2345678\\2345678é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		theirs, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var ours, want string
		if err := json.Unmarshal(appendString(nil, s), &ours); err != nil {
			t.Fatalf("%v of %q", err, s)
		}
		if err := json.Unmarshal(theirs, &want); err != nil {
			t.Fatal(err)
		}
		if ours != want {
			t.Errorf("%q came back as %q, encoding/json's as %q", s, ours, want)
		}
	})
}

func TestReadinessNextTryIsTheFirst(t *testing.T) {
	r := Readiness{Services: []Unready{{}, {NextTry: noon.Add(time.Minute)}, {NextTry: noon}, {NextTry: noon.Add(time.Hour)}}}
	if got := r.nextTry(); !got.Equal(noon) {
		t.Errorf("next try at %s", got)
	}
	if !ReadinessOf(messages.Readiness{}).nextTry().IsZero() {
		t.Error("there is a next try without services")
	}
}

func TestTheServersTypeIsWrittenWhereThereIsOne(t *testing.T) {
	tok := billing()
	tok.ServerType = "JWT"
	wire := TokenOf(tok, noon)
	if text := string(wire.AppendJSON(nil)); !strings.Contains(text, `"token_type":"Bearer","server_token_type":"JWT",`) {
		t.Errorf("wrote %s", text)
	}
	var back Token
	if err := json.Unmarshal(wire.AppendJSON(nil), &back); err != nil || back.ServerType != "JWT" {
		t.Errorf("read %+v, %v", back, err)
	}
	info := TokenInfoOf(messages.TokenInfo{TokenType: "Bearer", ServerTokenType: "JWT"})
	if text, err := json.Marshal(info); err != nil || !strings.Contains(string(text), `"token_type":"Bearer","server_token_type":"JWT",`) {
		t.Errorf("wrote %s, %v", text, err)
	}
}
