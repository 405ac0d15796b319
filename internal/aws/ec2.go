package aws

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"image-builder/internal/image"
)

// EC2 looks at AMIs, instance types and networks of one region.
//
// It keeps no client in a field: the linker would then keep every method of EC2's client, which is 30 MB.
type EC2 struct{ Session *Session }

func (e *EC2) open(ctx context.Context) (*ec2.Client, error) {
	cfg, err := e.Session.regional(ctx)
	if err != nil {
		return nil, err
	}
	return ec2.NewFromConfig(cfg), nil
}

// AMI returns an AMI that these credentials can see, also if it is deprecated or disabled.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html
func (e *EC2) AMI(ctx context.Context, id string) (image.AMI, error) {
	client, err := e.open(ctx)
	if err != nil {
		return image.AMI{}, err
	}
	out, err := client.DescribeImages(ctx, &ec2.DescribeImagesInput{
		ImageIds: []string{id}, IncludeDeprecated: aws.Bool(true), IncludeDisabled: aws.Bool(true),
	})
	if err == nil && len(out.Images) == 0 {
		return image.AMI{}, fmt.Errorf("look at %s: %w", id, fs.ErrNotExist)
	}

	if err != nil {
		return image.AMI{}, e.explain(ctx, "look at "+id, err)
	}
	return amiOf(out.Images[0]), nil
}

// Architectures returns the architectures of an instance type, in EC2's words.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html
func (e *EC2) Architectures(ctx context.Context, instanceType string) ([]string, error) {
	client, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	out, err := client.DescribeInstanceTypes(ctx, &ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{types.InstanceType(instanceType)}})
	if err != nil {
		return nil, e.explain(ctx, "look at instance type "+instanceType, err)
	}

	var architectures []string
	for _, one := range out.InstanceTypes {
		if one.ProcessorInfo == nil {
			continue
		}
		for _, architecture := range one.ProcessorInfo.SupportedArchitectures {
			architectures = append(architectures, string(architecture))
		}
	}

	return architectures, nil
}

// Zones returns the Availability Zones of the region that offer an instance type, in order.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html
func (e *EC2) Zones(ctx context.Context, instanceType string) ([]string, error) {
	client, err := e.open(ctx)
	if err != nil {
		return nil, err
	}
	out, err := client.DescribeInstanceTypeOfferings(ctx, &ec2.DescribeInstanceTypeOfferingsInput{
		LocationType: types.LocationTypeAvailabilityZone, Filters: []types.Filter{filter("instance-type", instanceType)},
	})
	if err != nil {
		return nil, e.explain(ctx, "look for zones with "+instanceType, err)
	}

	var zones []string
	for _, offering := range out.InstanceTypeOfferings {
		zones = append(zones, aws.ToString(offering.Location))
	}

	slices.Sort(zones)

	return zones, nil
}

// explain turns the errors for things that do not exist, or are not visible, into fs.ErrNotExist.
func (e *EC2) explain(ctx context.Context, what string, err error) error {
	var api smithy.APIError
	if errors.As(err, &api) && absent(api.ErrorCode(), api.ErrorMessage()) {
		err = fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return e.Session.explain(ctx, what, err)
}

// absent reports whether an error means "not found". EC2 has a code of its own for an AMI that is not shared with the
// caller. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
func absent(code, message string) bool {
	_, why, _ := strings.Cut(code, ".")
	return why == "NotFound" || why == "Malformed" || why == "Unavailable" || code == "InvalidInstanceType" ||
		(code == "AuthFailure" && strings.HasPrefix(message, "Not authorized for images"))
}

// mostFiltered is how many values a filter may have.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html
const mostFiltered = 200

// SourceAMIs maps each AMI to the one it was made from. It leaves out AMIs that no longer exist and those whose
// source EC2 does not know. It uses a filter, because naming a missing AMI would be an error.
func (e *EC2) SourceAMIs(ctx context.Context, amis []string) (map[string]string, error) {
	client, err := e.open(ctx)
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
			Filters: []types.Filter{{Name: aws.String("image-id"), Values: amis}}, NextToken: token,
		})
		if err != nil {
			return nil, e.explain(ctx, "describe AMIs", err)
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
