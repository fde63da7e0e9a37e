package main

import (
	"encoding/json"
	"time"

	"tokend/system/httpapi"
)

// The versions of the client-go credential plugin API that look the same.
const (
	execGroup = "client.authentication.k8s.io/"
	execV1    = execGroup + "v1"
	execV1b1  = execGroup + "v1beta1"
	// execInfoEnv is where client-go says which version it wants.
	execInfoEnv = "KUBERNETES_EXEC_INFO"
)

type execCredential struct {
	APIVersion string     `json:"apiVersion"`
	Kind       string     `json:"kind"`
	Status     execStatus `json:"status"`
}

// execInfo is what client-go says: with provideClusterInfo, whom it calls too.
type execInfo struct {
	APIVersion string `json:"apiVersion"`
	Spec       struct {
		Cluster *struct {
			Server string `json:"server"`
		} `json:"cluster"`
	} `json:"spec"`
}

type execStatus struct {
	ExpirationTimestamp time.Time `json:"expirationTimestamp,omitzero"`
	Token               string    `json:"token"`
}

// execCredential prints the token for kubectl, and whatever else is built with
// client-go.
func (g *getCommand) execCredential(token httpapi.Token) error {
	version := execV1
	if text := g.getenv(execInfoEnv); text != "" {
		var wants execInfo
		if err := json.Unmarshal([]byte(text), &wants); err != nil || wants.APIVersion != execV1 && wants.APIVersion != execV1b1 {
			return usageError(execInfoEnv + " asks for an API that tokend does not speak; apiVersion is " + execV1 + " or " + execV1b1)
		}
		version = wants.APIVersion
		if c := wants.Spec.Cluster; c != nil {
			if err := sendable(token, registryURL(c.Server)); err != nil {
				return err
			}
		}
	}
	return g.writeJSON(execCredential{
		APIVersion: version, Kind: "ExecCredential",
		Status: execStatus{ExpirationTimestamp: token.ExpiresAt.UTC(), Token: token.AccessToken.Reveal()},
	})
}
