package main

import (
	"io"
	"time"

	"github.com/sirupsen/logrus"

	"tokend/config"
)

// newLogger returns a logger that writes to w; the configuration is valid.
func newLogger(w io.Writer, cfg config.Log) *logrus.Logger {
	log := logrus.New()
	log.SetOutput(w)
	setLog(log, cfg)
	return log
}

// setLog makes log one as cfg says, which is valid.
func setLog(log *logrus.Logger, cfg config.Log) {
	if level, err := logrus.ParseLevel(cfg.Level); err == nil {
		log.SetLevel(level)
	}
	o, _ := log.Out.(*outlet)
	format := formatter(cfg.Format, o != nil && o.coloured)
	log.SetFormatter(format)
	if o != nil {
		missing := func(lost uint64) []byte { return aboutLost(format, lost) }
		o.missing.Store(&missing)
	}
}

// formatter returns what writes the lines. A person at a terminal sees what time it is,
// rather than for how long the node has run.
func formatter(format string, coloured bool) logrus.Formatter {
	switch {
	case format == formatJSON:
		return &logrus.JSONFormatter{}
	case coloured:
		return &logrus.TextFormatter{ForceColors: true, FullTimestamp: true, TimestampFormat: clockLayout}
	default:
		return &logrus.TextFormatter{DisableColors: true}
	}
}

// aboutLost returns the line of the log about lost lines. It does not go through the
// logger, whose lock the caller may hold.
func aboutLost(format logrus.Formatter, lost uint64) []byte {
	e := logrus.NewEntry(logrus.New()).WithField("dropped", lost)
	e.Level, e.Message, e.Time = logrus.WarnLevel, textLost, time.Now()
	text, err := format.Format(e)
	if err != nil { // the number and the text can always be written
		return plainLost(lost)
	}
	return text
}
