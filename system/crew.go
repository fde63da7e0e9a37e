package system

import "sync"

// crew is goroutines that can be waited for while others may still want to join:
// after wait nobody can.
type crew struct {
	mu     sync.Mutex // keeps join and wait apart
	closed bool
	wg     sync.WaitGroup
}

// join runs f in a goroutine of its own, unless the crew is closed.
func (c *crew) join(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.wg.Go(f)
	return true
}

// wait closes the crew and waits for all its goroutines.
func (c *crew) wait() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.wg.Wait()
}
