package config

import "path/filepath"

// writtenPaths checks that nothing is written to the file of something else.
func (v *checker) writtenPaths(c *Config) {
	l := links{}
	taken := c.taken(l)
	for _, path := range c.sinkFiles(l) {
		taken[digestBeside(path)] = "another sink"
	}
	for at, path := range c.writtenFiles(l) {
		if other := taken[path]; other != "" {
			v.add(at, "is the file of %s", other)
		}
		taken[path] = writer(at)
	}
	v.sinkLoops(c, l)
}

// digestBeside returns where a sink keeps the digest of what it has written to the file.
func digestBeside(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tokend")
}

// writer says what writes to the file that stands at that path of the configuration.
func writer(at string) string {
	switch at {
	case "vault.path":
		return "the vault"
	case "audit.path":
		return "the audit"
	default:
		return "another sink"
	}
}

// writtenFiles goes through the files that a node writes, as sinkFiles does.
func (c *Config) writtenFiles(l links) func(yield func(at, path string) bool) {
	return func(yield func(at, path string) bool) {
		if c.Vault.Path != "" && !yield("vault.path", l.follow(c.Vault.Path)) {
			return
		}
		if c.Audit.Path != "" && c.Audit.Path != AuditStdout && !yield("audit.path", l.follow(c.Audit.Path)) {
			return
		}
		c.sinkFiles(l)(yield)
	}
}

// writtenOn says what is written to that file, the configuration's own.
func (c *Config) writtenOn(file string) (found problems) {
	if file == "" {
		return nil
	}
	l := links{}
	file = l.follow(file)
	for at, path := range c.writtenFiles(l) {
		if path == file {
			found.add(at, "is the file of the configuration")
		}
	}
	return found
}
