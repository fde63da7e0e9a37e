package main

import (
	"cmp"
	"fmt"
	"net/http"

	"tokend/actors/provider"
	"tokend/config"
	"tokend/messages"
	"tokend/system"
)

// advice says what to do about a try, nothing if there is nothing to do. It goes
// from what says most to what says least.
func advice(a *system.Attempt) string {
	f := a.Failure
	switch {
	case f == nil && a.Lost != "":
		return "the fallback has brought this token, for the login is lost: log in anew and replace refresh_token"
	case f == nil && a.Kept && a.Provider == config.KindRefreshToken:
		return "the server has replaced the refresh token, and a check keeps none: log in anew before the node starts, unless its vault has a later one"
	case f == nil:
		return ""
	}
	return cmp.Or(
		adviceOnLife(a), adviceOnLocal(a), adviceOnCode(a), adviceOnReason(a), adviceOnStatus(a), adviceOnClass(a),
	)
}

// adviceOnLocal is about tokens that are on this machine, where no server is asked.
func adviceOnLocal(a *system.Attempt) string {
	switch a.Provider {
	case config.KindFile:
		if a.Failure.Class == messages.ClassMalformed {
			return "check path, format and response: what they name in the file is no token"
		}
		return "check path, and that whoever writes the file does so in time, and in a way that this user may read"
	case config.KindExec:
		if a.Failure.Reason == provider.ReasonNotSent {
			return ""
		}
		return "run the command by hand, as this user and with the variables PATH, HOME, LANG and those of env alone; check format, and if it is slow raise timeout"
	default:
		return ""
	}
}

// adviceOnCode goes by the OAuth error (RFC 6749, section 5.2; RFC 8707, section
// 2; RFC 9396, section 5).
func adviceOnCode(a *system.Attempt) string {
	switch a.Failure.Code {
	case "invalid_client":
		return adviceOnClient(a)
	case "invalid_grant":
		return adviceOnGrant(a)
	case "unauthorized_client":
		return "the server does not let this client use the grant of provider " + a.Provider + ": have it permitted, or choose another provider"
	case "unsupported_grant_type":
		return "the server does not know the grant of provider " + a.Provider + ": choose another provider, or check token_url"
	case "invalid_scope":
		return "check scopes: one of them is unknown there, or not for this client"
	case "invalid_target":
		return "check resource and audience: the server does not know one of them"
	case "invalid_authorization_details":
		return "check authorization_details: the server does not take them"
	case "invalid_request":
		return "the server misses a parameter or does not take one: check params, scopes, audience and resource, and whether it wants another client_auth"
	case "temporarily_unavailable", "server_error", "slow_down":
		return "the server has trouble of its own: try again later"
	default:
		return ""
	}
}

func adviceOnClient(a *system.Attempt) string {
	switch a.ClientAuth {
	case config.AuthSecretJWT, config.AuthKeyJWT:
		return "check client_id, the key or secret that signs, assertion_audience, and the clocks of both sides"
	case config.AuthTLS:
		return "check client_id, and that the certificate of tls.cert_file is registered for it"
	case config.AuthNone:
		return "check client_id, and whether the server wants the client to prove who it is: see client_auth"
	default:
		return "check client_id and client_secret, and whether the server wants another client_auth (" + otherAuths(a.ClientAuth) + ")"
	}
}

// otherAuths names the ways to send a secret that are not tried.
func otherAuths(tried string) string {
	switch tried {
	case config.AuthBasic:
		return "post, or basic_raw if the secret has special characters"
	case config.AuthBasicRaw:
		return "basic or post"
	default:
		return "basic"
	}
}

func adviceOnGrant(a *system.Attempt) string {
	switch a.Provider {
	case config.KindRefreshToken:
		return "log in anew and replace refresh_token: it is spent, expired or revoked, or of another client"
	case config.KindPassword:
		return "check username and password"
	case config.KindJWTBearer:
		return "check assertion.key, assertion.issuer, assertion.subject and assertion.audience, and the clocks of both sides"
	default:
		return ""
	}
}

func adviceOnReason(a *system.Attempt) string {
	address := addressKey(a)
	switch a.Failure.Reason {
	case provider.ReasonNotSent:
		return "nothing was sent: correct what the message names"
	case provider.ReasonNoHost:
		return fmt.Sprintf("check the host in %s, and name resolution on this machine", address)
	case provider.ReasonRefused:
		return fmt.Sprintf("nobody listens there: check host and port in %s, and that the server runs", address)
	case provider.ReasonConnectTimeout:
		return fmt.Sprintf("check host and port in %s, firewalls and proxies; if the way is long, raise connect_timeout", address)
	case provider.ReasonTimeout:
		return "the server is slow: try again, or raise timeout"
	case provider.ReasonBroken:
		return fmt.Sprintf("something on the way ends connections: check %s (http or https, port), proxies, and the server's log", address)
	case provider.ReasonProxy:
		return "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the environment"
	case provider.ReasonPage, provider.ReasonNotJSON:
		if a.Failure.Status == http.StatusUnauthorized || a.Failure.Status == http.StatusForbidden {
			return fmt.Sprintf("something before the server answers in its place, such as a firewall: have it let this machine pass, and check %s", address)
		}
		return fmt.Sprintf("whatever answers there is no token endpoint: check %s, and that no login page or proxy stands before it", address)
	case provider.ReasonIssuer:
		return "set issuer to exactly what the metadata say, a slash at its end included, if that is the server you mean"
	default:
		return adviceOnTLS(a.Failure.Reason, address)
	}
}

// adviceOnLife is about tokens whose lifetimes make no sense.
func adviceOnLife(a *system.Attempt) string {
	login := a.Provider == config.KindLogin
	switch a.Failure.Reason {
	case provider.ReasonNoLifetime:
		return "set default_ttl to how long such a token lives"
	case provider.ReasonNotPositive:
		return lifeAdvice(login, "the server gave out an expired token: try again, and if that happens each time, have the token's lifetime in the server set to more than 0")
	case provider.ReasonUnreadable:
		return lifeAdvice(login, "have the server state the end of its tokens in seconds, or as a time")
	case provider.ReasonTooLong:
		return lifeAdvice(login, "if such a token may be used so long, set max_ttl, which bounds it")
	default:
		return ""
	}
}

// lifeAdvice is text with what a login can do besides.
func lifeAdvice(login bool, text string) string {
	if login {
		return text + "; or leave out the key under response that leads there, and set default_ttl"
	}
	return text
}

func adviceOnTLS(reason, address string) string {
	switch reason {
	case provider.ReasonAuthority:
		return "set tls.ca_file to the certificate of the authority that signed the server's"
	case provider.ReasonName:
		return fmt.Sprintf("use the name that the certificate is for in %s, or set tls.server_name to it", address)
	case provider.ReasonNoName:
		return "the server's certificate has a Common Name and no SAN: have it replaced by one that names the host as SAN; tls.server_name cannot help"
	case provider.ReasonOldTLS:
		return "have the server updated to TLS 1.2 with ECDHE, or later; until then, if it knows RSA key exchange alone, start tokend with GODEBUG=tlsrsakex=1 in its environment"
	case provider.ReasonCertificate:
		return "the server's certificate is not valid: have it renewed, and check the clock of this machine"
	case provider.ReasonClientCertificate:
		return "set tls.cert_file and tls.key_file to a client certificate that the server takes"
	case provider.ReasonNotTLS:
		return fmt.Sprintf("check scheme and port in %s: the server does not speak TLS there", address)
	default:
		return ""
	}
}

// addressKey names the key that says where the service asks.
func addressKey(a *system.Attempt) string {
	if a.Provider == config.KindLogin {
		return "request.url"
	}
	return "token_url or issuer"
}

func adviceOnStatus(a *system.Attempt) string {
	address, status := addressKey(a), a.Failure.Status
	switch {
	case a.Provider == config.KindLogin && a.Failure.Class == messages.ClassRejected && status >= 400:
		return "check the credentials that the request sends: user, password, headers; and response.rejected, if that is not what the answer means"
	case a.Provider == config.KindLogin && refusing(status) && a.Failure.Class == messages.ClassTransient:
		return fmt.Sprintf("check %s and what is sent; if the server answers so to a wrong password, have response.rejected hold for it", address)
	case status == http.StatusUnauthorized && a.Provider == config.KindLogin:
		return "check the credentials that the request sends: user, password, headers"
	case status == http.StatusUnauthorized:
		return adviceOnClient(a)
	case status == http.StatusForbidden:
		return "the server knows who asks and refuses: check what the client may do there, and that no firewall answers in its place"
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed, status == http.StatusGone:
		return fmt.Sprintf("check the path in %s", address)
	case status == http.StatusProxyAuthRequired:
		return "a proxy wants credentials: check HTTPS_PROXY and HTTP_PROXY in the environment"
	case status == http.StatusTooManyRequests:
		return "the server has been asked too often: try again later"
	case status >= 300 && status <= 399 && a.Provider == config.KindLogin:
		return "set request.url to the address that the redirect leads to, or response.status if the redirect is the answer to a login that worked"
	case status >= 300 && status <= 399:
		return fmt.Sprintf("set %s to the address that the redirect leads to", address)
	case status >= 500:
		return "the server has trouble of its own: try again later, and look into its log"
	case status >= 400:
		return fmt.Sprintf("the server does not take the request: check %s and what is sent, and look into its log", address)
	default:
		return ""
	}
}

// refusing reports whether servers refuse logins with such a status.
func refusing(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusConflict,
		http.StatusPreconditionFailed, http.StatusUnprocessableEntity, http.StatusLocked:
		return true
	default:
		return false
	}
}

// adviceOnClass knows every class, so that no failure is left without advice.
func adviceOnClass(a *system.Attempt) string {
	login := a.Provider == config.KindLogin
	switch a.Failure.Class {
	case messages.ClassRejected:
		switch {
		case a.Provider == config.KindStatic:
			return "replace token: only a person can get another one"
		case login:
			return "check the credentials that the request sends, and response.rejected"
		}
		return "check the service's credentials"
	case messages.ClassMalformed:
		if login {
			return "compare the keys under response with what the server answers"
		}
		return "the answer is no token response: check " + addressKey(a) + ", and whether the server needs provider login"
	case messages.ClassThrottled:
		return "the server asks for patience: try again later"
	case messages.ClassAmbiguous:
		return "the refresh token may be spent: try again at once, and log in anew if that is refused"
	case messages.ClassPanic:
		return "this is a mistake in the provider: report it with its stack from the node's log"
	default:
		return "look into the server's log, and try again"
	}
}
