package release

import (
	"context"

	"image-builder/internal/image"
)

// Images reads AMIs. The error is an fs.ErrNotExist if the AMI does not exist or is not visible. Satisfied by
// *aws.EC2.
type Images interface {
	AMI(ctx context.Context, id string) (image.AMI, error)
}

// Parameters reads and writes SSM parameters. Reading a missing one is an fs.ErrNotExist; writing it creates it.
// Satisfied by *aws.Parameters.
type Parameters interface {
	Look(ctx context.Context, name string) (image.Parameter, error)
	Write(ctx context.Context, parameter image.Parameter) error
}
