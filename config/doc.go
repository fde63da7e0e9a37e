// Package config reads tokend's configuration and checks it.
//
// [Load] and [Parse] put four layers over one another (defaults, file,
// environment, flags), decode them strictly and validate the result; a host may
// as well write a [Config] as a Go literal, which [Config.Validate] holds to the
// same rules. Every mistake is a [FieldError] with the path of its key, and all
// of them are reported at once.
//
// What counts as secret is a [Secret], a [Secrets] or a [Tree]: a template whose
// references are read anew at each use, and which prints redacted; Expand also
// tells what the references brought, which must not show either. No error of
// this package quotes a value of text, so that a secret that stands under a
// wrong key does not show either.
//
// The package knows no actor: others translate a Config into their options.
package config
