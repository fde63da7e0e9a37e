// Package messages holds what tokend's actors, its embedders and its doors say
// to each other: commands, replies, events, typed errors, and the values inside
// them.
//
// Commands are imperative, replies are nouns, events are in the past tense.
// Every command gets exactly one reply. Messages are sent as pointers and never
// changed after they were sent, so a receiver must not write to them, to the
// slices inside them, or to what those hold.
//
// Nothing in this package prints a token or a secret: [Secret] and [Token] are
// redacted under every verb of fmt, in JSON, in logrus and in log/slog.
package messages
