package sink

import "github.com/sirupsen/logrus"

// complaints keep a failure that lasts from filling the log: its cause is told once,
// and again when it is another one.
type complaints struct{ cause string }

// about notes how something went, nil for well.
func (c *complaints) about(log logrus.FieldLogger, err error, bad, good string) {
	switch {
	case err == nil && c.cause != "":
		c.cause = ""
		log.Info(good)
	case err == nil:
	case err.Error() == c.cause:
		log.WithError(err).Debug(bad)
	default:
		c.cause = err.Error()
		log.WithError(err).Warn(bad)
	}
}
