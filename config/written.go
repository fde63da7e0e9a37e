package config

// writtenPaths checks that nothing is written to the file of something else.
func (v *checker) writtenPaths(c *Config) {
	taken := c.taken()
	for at, path := range c.writtenFiles() {
		if other := taken[path]; other != "" {
			v.add(at, "is the file of %s", other)
		}
		taken[path] = writer(at)
	}
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
func (c *Config) writtenFiles() func(yield func(at, path string) bool) {
	return func(yield func(at, path string) bool) {
		if c.Vault.Path != "" && !yield("vault.path", realPath(c.Vault.Path)) {
			return
		}
		if c.Audit.Path != "" && c.Audit.Path != AuditStdout && !yield("audit.path", realPath(c.Audit.Path)) {
			return
		}
		c.sinkFiles()(yield)
	}
}

// writtenOn says what is written to that file, the configuration's own.
func (c *Config) writtenOn(file string) (found problems) {
	if file == "" {
		return nil
	}
	for at, path := range c.writtenFiles() {
		if path == realPath(file) {
			found.add(at, "is the file of the configuration")
		}
	}
	return found
}
