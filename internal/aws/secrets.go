package aws

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// Secrets reads Secrets Manager.
type Secrets struct{ Session *Session }

// Secret returns the current value of a secret, text or binary, by name or ARN.
func (s *Secrets) Secret(ctx context.Context, name string) ([]byte, error) {
	cfg, err := s.Session.regional(ctx)
	if err != nil {
		return nil, fmt.Errorf("get secret %s: %w", name, err)
	}
	out, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
	if err != nil {
		return nil, s.Session.explain(ctx, "get secret "+name, err)
	}
	if out.SecretString != nil {
		return []byte(aws.ToString(out.SecretString)), nil
	}

	return out.SecretBinary, nil
}
