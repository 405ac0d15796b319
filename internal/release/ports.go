package release

import (
	"context"

	"image-builder/internal/image"
)

// Images looks at AMIs. One that is not there, or not visible, is a fs.ErrNotExist. Satisfied by *aws.EC2.
type Images interface {
	AMI(ctx context.Context, id string) (image.AMI, error)
}

// Parameters reads and writes SSM parameters. One that is not there is a fs.ErrNotExist when it is read, and is made
// when it is written. Satisfied by *aws.Parameters.
type Parameters interface {
	Look(ctx context.Context, name string) (image.Parameter, error)
	Write(ctx context.Context, parameter image.Parameter) error
}
