package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Account returns the number of the account that the credentials are of, and the region that is configured. No
// permission is needed to ask.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func (s *Session) Account(ctx context.Context) (account, region string, err error) {
	cfg, err := s.regional(ctx)
	if err != nil {
		return "", "", err
	}
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", "", s.explain(ctx, "ask whose credentials these are", err)
	}
	return aws.ToString(out.Account), cfg.Region, nil
}
