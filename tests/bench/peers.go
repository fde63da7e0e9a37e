package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/oauth2"

	"tokend/messages"
)

// oauth2Source makes tokens as the houses' provider does.
type oauth2Source struct{}

func (oauth2Source) Token() (*oauth2.Token, error) {
	return &oauth2.Token{AccessToken: newToken(200), Expiry: time.Now().Add(time.Hour)}, nil
}

// newAWSCaches returns one cache a name.
func newAWSCaches(names []string) map[string]*aws.CredentialsCache {
	caches := make(map[string]*aws.CredentialsCache, len(names))
	for _, name := range names {
		caches[name] = aws.NewCredentialsCache(aws.CredentialsProviderFunc(awsCredentials))
	}
	return caches
}

func awsCredentials(context.Context) (aws.Credentials, error) {
	return aws.Credentials{
		AccessKeyID: newToken(20), SecretAccessKey: newToken(40), SessionToken: newToken(200),
		CanExpire: true, Expires: time.Now().Add(time.Hour),
	}, nil
}

// box is a text sealed by AES-256-GCM, and what opens it.
type box struct {
	aead          cipher.AEAD
	nonce, sealed []byte
}

func newBox(size int) (*box, error) {
	raw := make([]byte, 32+12)
	_, _ = rand.Read(raw) // never fails, see crypto/rand
	block, err := aes.NewCipher(raw[:32])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	nonce := raw[32:]
	return &box{aead, nonce, aead.Seal(nil, nonce, []byte(newToken(size)), nil)}, nil
}

// open returns the text, decrypted into a buffer of its own.
func (x *box) open() (string, error) {
	text, err := x.aead.Open(nil, x.nonce, x.sealed, nil)
	return string(text), err
}

// spawnBare returns an actor that answers every message with the same reply and
// does nothing else.
func spawnBare(root *actor.RootContext) *actor.PID {
	reply := &messages.TokenReply{}
	return root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		if _, ok := c.Message().(*messages.GetToken); ok {
			c.Respond(reply)
		}
	}))
}
