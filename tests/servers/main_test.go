package servers

import (
	"log/slog"
	"os"
	"testing"
)

// TestMain keeps quiet what servers say of what they refuse.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}
