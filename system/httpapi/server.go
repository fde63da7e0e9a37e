package httpapi

import (
	"log"
	"net/http"
	"time"
)

const (
	headerTimeout = 5 * time.Second
	bodyTimeout   = 10 * time.Second
	// requestTimeout bounds a whole request. It must exceed MaxWait for reading as
	// well as for writing: the server reads on while a handler waits, and a read
	// deadline that passes meanwhile would cancel the request.
	requestTimeout = MaxWait + 15*time.Second
	idleTimeout    = 2 * time.Minute
	maxHeader      = 8 << 10
)

// NewServer returns a server for handler with bounds that fit this door. What the
// server itself complains about goes to errorLog; nil: nowhere but to stderr, as
// with net/http.
func NewServer(handler http.Handler, errorLog *log.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      requestTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          errorLog,
		// OPTIONS * is a path like any other that there is not.
		DisableGeneralOptionsHandler: true,
	}
}
