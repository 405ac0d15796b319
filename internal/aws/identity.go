package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"image-builder/internal/preflight"
)

// Identity reports whose credentials these are. It needs no permission.
type Identity struct{ Session *Session }

// Caller returns the account, the identity's ARN and the region.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func (i *Identity) Caller(ctx context.Context) (preflight.Identity, error) {
	cfg, err := i.Session.regional(ctx)
	if err != nil {
		return preflight.Identity{}, err
	}
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return preflight.Identity{}, i.Session.explain(ctx, "ask whose credentials these are", err)
	}
	return preflight.Identity{Account: aws.ToString(out.Account), ARN: aws.ToString(out.Arn), Region: cfg.Region}, nil
}

// Where returns the region. It needs no credentials.
func (i *Identity) Where(ctx context.Context) (string, error) {
	cfg, err := i.Session.regional(ctx)
	return cfg.Region, err
}
