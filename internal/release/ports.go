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
