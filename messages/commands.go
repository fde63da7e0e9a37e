package messages

import "time"

// Command is a request to tokend: one of [GetToken], [GetTokens],
// [GetTokenInfo], [RefreshToken], [InvalidateToken] and [ListServices].
type Command interface{ command() }

// ServiceCommand is a command about one service.
type ServiceCommand interface {
	Command
	ServiceName() string
}

// Reply is the answer to a command: one of [TokenReply], [TokensReply],
// [TokenInfoReply], [InvalidateReply] and [ServicesReply].
type Reply interface{ reply() }

// GetToken asks for a service's access token. The reply is a [TokenReply].
//
// A token that has at least MinTTL left is answered at once. One with less is
// replaced first where that is possible now, and answered as it is where it is
// not: MinTTL is a wish, never a reason to refuse a living token. Zero means the
// service's min_ttl.
//
// A caller who is still waiting at Deadline gets [ErrTimeout]; the zero Deadline
// means the service's timeout plus one second.
type GetToken struct {
	Service  string
	MinTTL   time.Duration
	Deadline time.Time
}

// GetTokens asks for the tokens of several services at once. The reply is a
// [TokensReply] that holds, for each name, either a token or an error.
type GetTokens struct {
	Services []string
	MinTTL   time.Duration
	Deadline time.Time
}

// GetTokenInfo asks for everything about a service's token but the token. The
// reply is a [TokenInfoReply].
type GetTokenInfo struct{ Service string }

// RefreshToken asks for a new token now, past schedule and back-off. The reply
// is a [TokenInfoReply], sent when the attempt has ended; its Err is the
// attempt's. While an acquisition is under way its outcome is the answer.
type RefreshToken struct{ Service string }

// InvalidateToken says that a resource server refused the token with this
// fingerprint; an empty Fingerprint means whatever token is current. The reply
// is an [InvalidateReply], sent when the acquisition it caused has ended.
type InvalidateToken struct {
	Service     string
	Fingerprint string
}

// ListServices asks for every service's [TokenInfo]. The reply is a
// [ServicesReply].
type ListServices struct{}

// Unlogged is embedded in messages that may come after their receiver's end
// without harm: protoactor does not log them as dead letters.
type Unlogged struct{}

// IgnoreDeadLetterLogging marks the message for protoactor.
func (Unlogged) IgnoreDeadLetterLogging() {}

// TokenReply answers [GetToken]. Token is valid if Err is nil.
type TokenReply struct {
	Unlogged
	Token Token
	Err   error
}

// TokensReply answers [GetTokens]: every name asked for is a key of one of the
// two maps.
type TokensReply struct {
	Unlogged
	Tokens map[string]Token
	Errs   map[string]error
}

// TokenInfoReply answers [GetTokenInfo] and [RefreshToken]. Info is filled in
// also when Err says that a refresh failed.
type TokenInfoReply struct {
	Unlogged
	Info TokenInfo
	Err  error
}

// InvalidateReply answers [InvalidateToken]. Reason is one of the Kept constants when
// Invalidated is false, and empty else.
type InvalidateReply struct {
	Unlogged
	Invalidated bool
	Reason      string
	Err         error
}

// Why a token was not given up that a caller has reported as refused.
const (
	KeptNoToken    = "no_token"    // there is none
	KeptNotCurrent = "not_current" // another one is current: the caller had an older one
	KeptExpired    = "expired"     // it has died already
	KeptTooSoon    = "too_soon"    // the invalidation before was too recent
	KeptNoOther    = "no_other"    // no other can be had now, so it stays served
	KeptSameToken  = "same_token"  // the IdP hands out the same one again
)

// Kept returns the reply of a token that is not given up.
func Kept(reason string) *InvalidateReply { return &InvalidateReply{Reason: reason} }

// ServicesReply answers [ListServices], sorted by name.
type ServicesReply struct {
	Unlogged
	Services []TokenInfo
}

func (*GetToken) command()        {}
func (*GetTokens) command()       {}
func (*GetTokenInfo) command()    {}
func (*RefreshToken) command()    {}
func (*InvalidateToken) command() {}
func (*ListServices) command()    {}

// ServiceName returns the name of the service the command is about.
func (m *GetToken) ServiceName() string { return m.Service }

// ServiceName returns the name of the service the command is about.
func (m *GetTokenInfo) ServiceName() string { return m.Service }

// ServiceName returns the name of the service the command is about.
func (m *RefreshToken) ServiceName() string { return m.Service }

// ServiceName returns the name of the service the command is about.
func (m *InvalidateToken) ServiceName() string { return m.Service }

func (*TokenReply) reply()      {}
func (*TokensReply) reply()     {}
func (*TokenInfoReply) reply()  {}
func (*InvalidateReply) reply() {}
func (*ServicesReply) reply()   {}

// ReplyError returns the reply that answers command with err and nothing else.
func ReplyError(command Command, err error) Reply {
	switch m := command.(type) {
	case *GetToken:
		return &TokenReply{Err: err}
	case *GetTokens:
		errs := make(map[string]error, len(m.Services))
		for _, name := range m.Services {
			errs[name] = err
		}
		return &TokensReply{Tokens: map[string]Token{}, Errs: errs}
	case *GetTokenInfo, *RefreshToken:
		return &TokenInfoReply{Err: err}
	case *InvalidateToken:
		return &InvalidateReply{Err: err}
	default:
		return &ServicesReply{}
	}
}
