package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"time"

	"tokend/system/httpapi"
)

const (
	crowd        = 1000 // callers of an embedding program
	clients      = 16   // callers by message and by HTTP
	cachedWithin = 10 * time.Millisecond
	firstWithin  = 2 * time.Second
)

// checkLatency measures how long callers wait for a token that is there, and
// takes all but the slowest in a thousand.
func checkLatency() (_ []row, err error) {
	h, err := plan{services: services, size: 200, memory: memorySealed}.build()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	d, err := openDoor(h.sys)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	rows := make([]row, 0, 3)
	for _, m := range []struct {
		name           string
		callers, calls int
		get            func(name string) error
	}{
		{"embedded", crowd, 1000, h.get},
		{"by message", clients, 20_000, h.ask},
		{"by HTTP", clients, 2000, d.get},
	} {
		waits, err := waits(m.callers, m.calls, func(i int) error { return m.get(h.names[i%services]) })
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		name := fmt.Sprintf("cached token %s, %d callers, p99.9", m.name, m.callers)
		rows = append(rows, within(name, waits[len(waits)*999/1000], cachedWithin))
	}
	return rows, nil
}

// get gets a service's token as an embedding program does.
func (h *house) get(name string) error {
	_, err := h.sys.Token(context.Background(), name)
	return err
}

// waits lets callers make calls each, all at the same time, and returns how long
// each call took, the shortest first.
func waits(callers, calls int, call func(i int) error) ([]time.Duration, error) {
	all := make([]time.Duration, callers*calls)
	errs := make([]error, callers)
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for n := range callers {
		wg.Go(func() {
			<-begin
			errs[n] = timed(all[n*calls:(n+1)*calls], n, call)
		})
	}
	close(begin)
	wg.Wait()
	slices.Sort(all)
	return all, errors.Join(errs...)
}

// timed makes one call for each element of waits. Callers of a real program do
// something else between two calls; here they let others run, for a thousand that
// never do would measure the turns that the scheduler gives them.
func timed(waits []time.Duration, first int, call func(i int) error) error {
	for i := range waits {
		began := time.Now()
		if err := call(first + i); err != nil {
			return err
		}
		waits[i] = time.Since(began)
		runtime.Gosched()
	}
	return nil
}

// door is a node's HTTP door on loopback, and a client of it.
type door struct {
	server *http.Server
	client *http.Client
	url    string
	served chan error
}

func openDoor(keeper httpapi.Keeper) (*door, error) {
	l, err := httpapi.Listen(context.Background(), httpapi.Endpoint{Address: "tcp://127.0.0.1:0"})
	if err != nil {
		return nil, err
	}
	d := &door{
		server: httpapi.NewServer(httpapi.New(keeper, httpapi.Options{}), nil),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}},
		url:    "http://" + l.Addr().String() + "/v1/token/",
		served: make(chan error, 1),
	}
	go func() { d.served <- d.server.Serve(l) }()
	return d, nil
}

func (d *door) close() error {
	d.client.CloseIdleConnections()
	err := d.server.Close()
	if end := <-d.served; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return err
}

// get gets a service's token as a program in any language does.
func (d *door) get(name string) (err error) {
	resp, err := d.client.Get(d.url + name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", d.url+name, resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
