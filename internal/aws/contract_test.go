package aws_test

import (
	"context"
	"testing"

	"image-builder/internal/aws"
	"image-builder/internal/component"
	"image-builder/internal/component/action"
	"image-builder/internal/contract"
	"image-builder/internal/image"
	"image-builder/internal/testbed"
	"image-builder/internal/testbed/ssm"
	"image-builder/internal/testbed/wire"
)

func TestS3KeepsTheContract(t *testing.T) {
	t.Parallel()
	contract.Objects(t, func(t *testing.T) (action.Objects, string) {
		t.Helper()
		cloud := testbed.Start(t)
		if err := cloud.S3.CreateBucket("there", wire.Account); err != nil {
			t.Fatal(err)
		}
		return &aws.S3{Session: aws.NewSession(cloud.Config())}, "there"
	})
}

// parameters writes text parameters.
type parameters struct{ *aws.Parameters }

func (p parameters) Put(ctx context.Context, name, value string) error {
	return p.Write(ctx, image.Parameter{Name: name, Value: value, Type: "String", DataType: "text"})
}

func TestParametersKeepTheContract(t *testing.T) {
	t.Parallel()
	contract.Values(t, func(t *testing.T, values map[string]string) component.Values {
		t.Helper()
		cloud := testbed.Start(t)
		for name, value := range values {
			cloud.SSM.Put(ssm.Parameter{Name: name, Value: value})
		}
		return &aws.Parameters{Session: aws.NewSession(cloud.Config())}
	})

	contract.WrittenParameters(t, func(t *testing.T) contract.Parameters {
		t.Helper()
		return parameters{&aws.Parameters{Session: aws.NewSession(testbed.Start(t).Config())}}
	})
}
