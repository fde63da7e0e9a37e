// Package demo is an identity provider to play with: it hands out short-lived
// tokens on loopback, and two of its four services have troubles that come back
// with every token, so that whoever watches sees all states within a minute.
//
//	billing  OAuth 2.0 client credentials, signed JWTs of 20 s; never fails
//	erp      a login endpoint, tokens of 30 s; never fails
//	reports  a login endpoint, tokens of 20 s; each is renewed past its warning only
//	crm      a login endpoint, tokens of 25 s; none is renewed before it is dead
//
// Secrets are random and new with every [New].
package demo
