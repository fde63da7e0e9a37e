package httpapi

import (
	"encoding/json"
	"testing"

	"tokend/messages"
)

func TestWhatIsSpecialAboutATokenIsWrittenOnlyWhereItIs(t *testing.T) {
	tests := map[string]struct {
		info messages.TokenInfo
		want map[string]any
	}{
		"nothing": {messages.TokenInfo{}, map[string]any{"suspect": nil, "not_before": nil}},
		"suspect": {messages.TokenInfo{Suspect: true}, map[string]any{"suspect": true}},
		"early":   {messages.TokenInfo{NotBefore: noon}, map[string]any{"not_before": "2026-03-01T12:00:00Z"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(TokenInfoOf(tt.info))
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]any
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			for field, want := range tt.want {
				if got[field] != want {
					t.Errorf("%s is %v, want %v", field, got[field], want)
				}
			}
		})
	}
}
