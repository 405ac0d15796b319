// Package sts is a test server's STS, which says whose credentials signed a request. It issues no credentials.
package sts

import (
	"image-builder/internal/testbed/wire"
)

// Service knows the caller.
type Service struct{}

// Model is sts.
func (*Service) Model() string { return "sts" }

// Operation knows GetCallerIdentity.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func (*Service) Operation(name string) func(wire.Call) (wire.Values, error) {
	if name != "GetCallerIdentity" {
		return nil
	}
	return func(c wire.Call) (wire.Values, error) {
		return wire.Values{"Account": c.Account, "Arn": "arn:aws:iam::" + c.Account + ":user/deployer", "UserId": "AIDACKCEVSQ6C2EXAMPLE"}, nil
	}
}
