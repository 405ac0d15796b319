package aws

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// AMIs tells where AMIs come from.
type AMIs struct{ Session *Session }

func (a *AMIs) open(ctx context.Context) (*ec2.Client, error) {
	cfg, err := a.Session.regional(ctx)
	if err != nil {
		return nil, err
	}
	return ec2.NewFromConfig(cfg), nil
}

// mostFiltered is how many values a filter may have.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html
const mostFiltered = 200

// SourceAMIs returns the AMI that each was made from. An AMI that is gone, and one whose source EC2 does not know, are
// absent: a filter leaves out what is not there, where naming it would be an error.
func (a *AMIs) SourceAMIs(ctx context.Context, amis []string) (map[string]string, error) {
	client, err := a.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("describe AMIs: %w", err)
	}
	sources := map[string]string{}
	if len(amis) == 0 {
		return sources, nil
	}
	amis = amis[:min(len(amis), mostFiltered)]
	err = eachPage(func(token *string) (*string, error) {
		page, err := client.DescribeImages(ctx, &ec2.DescribeImagesInput{
			Filters: []ec2types.Filter{{Name: aws.String("image-id"), Values: amis}}, NextToken: token,
		})
		if err != nil {
			return nil, a.Session.explain(ctx, "describe AMIs", err)
		}
		for _, one := range page.Images {
			if source := aws.ToString(one.SourceImageId); source != "" {
				sources[aws.ToString(one.ImageId)] = source
			}
		}
		return page.NextToken, nil
	})
	return sources, err
}

// Value returns what a parameter holds; false if there is none of that name.
func (p *Parameters) Value(ctx context.Context, name string) (string, bool, error) {
	client, err := p.open(ctx)
	if err != nil {
		return "", false, fmt.Errorf("get parameter %s: %w", name, err)
	}
	out, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
	if absent := (*ssmtypes.ParameterNotFound)(nil); errors.As(err, &absent) {
		return "", false, nil
	}
	if err != nil {
		return "", false, p.Session.explain(ctx, "get parameter "+name, err)
	}
	return aws.ToString(out.Parameter.Value), true, nil
}
