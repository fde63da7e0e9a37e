package local

import "testing"

// The files of proc(5) say that they are empty.
func TestAFileMayHoldMoreThanItSays(t *testing.T) {
	f, err := Read("/proc/self/status", 10)
	if err == nil || err.Error() != "larger than 10 bytes" || f.Text != nil {
		t.Errorf("%q, %v", f.Text, err)
	}
}
