package httpapi

import (
	"net/http"
	"testing"
	"testing/synctest"

	"tokend/system/access"
)

// narrow is a keeper whose services have room for so many who wait.
type narrow struct {
	patient
	waiters int
}

func (n narrow) Waiters(service string) int {
	if service == "none" {
		return 0
	}
	return n.waiters
}

func TestOneClientLeavesOthersRoomToWait(t *testing.T) {
	for all, want := range map[int]int{1: 1, 2: 1, 3: 2, 4: 3, 10_000: 7500} {
		if got := waitShare(all); got != want {
			t.Errorf("of %d: %d, want %d", all, got, want)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, access.Options{})
		c.Handler = New(narrow{c.keeper, 4}, Options{Access: c.shared, Traffic: c.traffic})
		const waits = "/v1/token/billing"
		all := []waiting{c.wants(1, waits, 0), c.wants(1, waits, 0), c.wants(1, waits, 0)}
		refused := c.wants(1, waits, http.StatusTooManyRequests)
		if refused.header.Get("Retry-After") != "1" || c.traffic.Refusals()["in_flight"] != 1 {
			t.Errorf("headers %v, refusals %v", refused.header, c.traffic.Refusals())
		}
		c.wants(1, "/v1/authorize/billing", http.StatusServiceUnavailable)
		c.wants(1, "/v1/token/forever", http.StatusOK) // another service
		c.wants(1, "/v1/token/none", http.StatusNotFound)
		all = append(all, c.wants(2, waits, 0)) // another client
		c.shared.Replace(boundedPolicy(t, access.Options{}, crowdOf("get")...).Policy())
		c.wants(1, waits, http.StatusTooManyRequests) // it is the same client
		leaves(all[0])
		all = append(all, c.wants(1, waits, 0))
		leaves(all[1:]...)
		for range 3 {
			c.wants(1, "/v1/token/forever", http.StatusOK)
		}
		leaves(c.wants(1, waits, 0), c.wants(1, waits, 0), c.wants(1, waits, 0)) // all places are free
	})
}
