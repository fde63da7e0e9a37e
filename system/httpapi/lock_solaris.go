package httpapi

import (
	"io"
	"strings"
)

// lockFile locks nothing: there is no lock here that two listeners of one process
// would not share. Who starts at the same moment is found by the probe alone.
func lockFile(string) (io.Closer, error) { return io.NopCloser(strings.NewReader("")), nil }
