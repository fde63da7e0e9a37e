package main

import (
	"bytes"
	"errors"
	"testing"

	"tokend/actors/vault/disk"
)

func TestDamagedRecordsAreCounted(t *testing.T) {
	entries := []disk.Entry{{Generation: 1}, {Err: errors.New("cannot be opened")}, {Err: errors.New("too short"), Aside: true}}
	entries[1].Key.Service, entries[2].Key.Service = "billing", "erp"
	for output, want := range map[string]string{"text": "", "json": "{\"records\":3,\"damaged\":2}\n"} {
		var out, errs bytes.Buffer
		p := program{stdout: &out, stderr: &errs}
		if code := report(&errs, p.verified(output, "v.db", entries)); code != exitFailed || out.String() != want {
			t.Errorf("%s: exit code %d, %q", output, code, &out)
		}
		if errs.String() != "tokend: damaged: billing: cannot be opened\ntokend: damaged: erp: set aside, it could not be read\n" {
			t.Errorf("%s: stderr %q", output, &errs)
		}
	}
	broken := program{stdout: brokenPipe{}, stderr: &bytes.Buffer{}}
	if err := broken.verified("json", "v.db", entries); !errors.Is(err, errBroken) {
		t.Errorf("nothing could be written: %v", err)
	}
}

var errBroken = errors.New("broken pipe")

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errBroken }
