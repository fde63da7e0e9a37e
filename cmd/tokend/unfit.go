package main

import (
	"errors"
	"strings"

	"github.com/sirupsen/logrus"
	"github.com/spf13/pflag"

	"tokend/config"
)

// unfit is a configuration that a node cannot start with.
type unfit struct{ error }

func (u *unfit) Unwrap() error { return u.error }

// failed tells what has ended the node: in a log of JSON as a line of it, whose reader
// expects nothing else.
func (s *serveCommand) failed(err error, flags *pflag.FlagSet) error {
	wrong, mistaken := errors.AsType[*unfit](err)
	switch {
	case err == nil:
		return nil
	case s.logsJSON(flags):
		return s.logFailure(err)
	case mistaken:
		return s.invalidConfig(wrong.error)
	default:
		return err
	}
}

// logsJSON reports whether the log is JSON, or would be if the configuration were right.
func (s *serveCommand) logsJSON(flags *pflag.FlagSet) bool {
	if s.log == nil {
		return config.LogFormat(s.file, config.WithFlags(layer(flags))) == formatJSON
	}
	_, is := s.log.Formatter.(*logrus.JSONFormatter)
	return is
}

func (s *serveCommand) logFailure(err error) error {
	code, detail := told(err)
	exit := exitFailed
	if f, ok := errors.AsType[*failure](err); ok {
		exit = f.exit
	}
	if mistakes := config.Errors(err); len(mistakes) > 0 {
		code, detail, exit = codeInvalidConfig, inOneLine(mistakes), exitUsage
	}
	log := newLogger(s.stderr, config.Log{Format: formatJSON})
	log.WithField("code", code).WithField(logrus.ErrorKey, printable(detail)).Error("the node ends because of an error")
	return reported(exit)
}

func inOneLine(mistakes []config.FieldError) string {
	texts := make([]string, len(mistakes))
	for i := range mistakes {
		texts[i] = mistakes[i].Error()
	}
	return strings.Join(texts, "; ")
}
