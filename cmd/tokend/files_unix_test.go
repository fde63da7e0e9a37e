//go:build unix

package main

import (
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"tokend/system/httpapi"
)

func TestNoMoreConnectionsThanFiles(t *testing.T) {
	files, known := openFiles()
	if !known {
		t.Skip("NOT TESTED: this process may have as many files open as it likes")
	}
	most := max(1, (files-reserved(files))/2)
	for wanted, want := range map[int]int{1: 1, most: most, most + 1: most} {
		var text strings.Builder
		log := logrus.New()
		log.SetOutput(&text)
		s := &server{log: log}
		got := s.affordable(opening{connections: wanted, endpoints: make([]httpapi.Endpoint, 2)})
		if got != want || (text.Len() > 0) != (wanted > want) {
			t.Errorf("%d wanted: %d, and it says %q", wanted, got, text.String())
		}
		said := text.Len()
		if s.affordable(opening{connections: wanted, endpoints: make([]httpapi.Endpoint, 2)}); text.Len() != said {
			t.Error("it says so at every reload")
		}
	}
}

func TestTheReserveFollowsTheFiles(t *testing.T) {
	for files, want := range map[int]int{10: 24, 32: 24, 64: 32, 256: 128, 512: 256, 1024: 256, 1 << 20: 256} {
		if got := reserved(files); got != want {
			t.Errorf("of %d files %d are kept, want %d", files, got, want)
		}
	}
}
