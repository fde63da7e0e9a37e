package token

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus/hooks/test"

	"tokend/actors/provider"
)

func TestANoteIsLoggedOnceForAServiceAndAKey(t *testing.T) {
	var log *test.Hook
	bubble(t, func(h *harness) {
		h.play(func(_ context.Context, n int, _ provider.Request) (provider.Result, error) {
			res := issue(n, time.Hour)
			res.Notes = []provider.Note{{Key: "clocks", Text: "check clocks"}}
			if n > 2 {
				res.Notes = append(res.Notes, provider.Note{Key: "date", Text: "no date"})
			}
			return res, nil
		})
		for range 4 {
			if err := h.refresh(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		var got []string
		for _, e := range log.AllEntries() {
			if note, ok := e.Data["note"].(string); ok && e.Data["service"] == "billing" {
				got = append(got, e.Level.String()+": "+note)
			}
		}
		if diff := cmp.Diff([]string{"warning: check clocks", "warning: no date"}, got); diff != "" {
			t.Error(diff)
		}
	}, func(h *harness, _ *Options) { h.env.Log, log = test.NewNullLogger() })
}
