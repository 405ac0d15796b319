package testbed

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"image-builder/internal/testbed/wire"
)

// Config configures a client of this account, for tests that run beside others: unlike Env it needs no environment
// variables.
func (c *Cloud) Config() aws.Config {
	return aws.Config{
		Region: wire.Region, Credentials: credentials.NewStaticCredentialsProvider(wire.AccessKey, wire.SecretKey, ""),
		ConfigSources: []any{whereabouts{c}},
	}
}

// whereabouts tells the SDK's clients the addresses of a Cloud's services.
type whereabouts struct{ cloud *Cloud }

// GetServiceBaseEndpoint returns the URL of a service by its ID in the SDK: EBS, CloudWatch Logs.
func (w whereabouts) GetServiceBaseEndpoint(_ context.Context, id string) (string, bool, error) {
	server := w.cloud.endpoints[strings.ToUpper(strings.ReplaceAll(id, " ", "_"))]
	if server == nil {
		return "", false, nil
	}
	return server.URL, true, nil
}
