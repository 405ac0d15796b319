package aws

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

// Credentials turns this machine's AWS configuration into environment variables, for a sandbox that cannot see its
// files. A sandbox on the same network fetches an instance profile's credentials itself.
type Credentials struct{}

// Environment returns NAME=value pairs: region, endpoint and the current credentials. Without any AWS configuration
// it returns nothing and makes no request. The values are secret.
func (c *Credentials) Environment(ctx context.Context) ([]string, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithEC2IMDSClientEnableState(imds.ClientDisabled))
	if err != nil {
		return nil, fmt.Errorf("read AWS configuration: %w", err)
	}
	var env []string
	add := func(name, value string) {
		if value != "" {
			env = append(env, name+"="+value)
		}
	}

	add("AWS_REGION", cfg.Region)
	add("AWS_DEFAULT_REGION", cfg.Region)

	for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SSM", "AWS_ENDPOINT_URL_SECRETS_MANAGER"} {
		add(name, os.Getenv(name))
	}

	if cfg.Credentials == nil {
		return env, nil
	}
	found, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return env, nil // no credentials: a program that needs them says so
	}

	add("AWS_ACCESS_KEY_ID", found.AccessKeyID)
	add("AWS_SECRET_ACCESS_KEY", found.SecretAccessKey)
	add("AWS_SESSION_TOKEN", found.SessionToken)
	return env, nil
}
