package publish

import (
	"context"

	"image-builder/internal/image"
)

// AMIs registers and describes AMIs in one region. Satisfied by aws.EC2.
type AMIs interface {
	// Region returns the region.
	Region(ctx context.Context) (string, error)
	// AMI returns an AMI; fs.ErrNotExist if it is not there, or not visible yet.
	AMI(ctx context.Context, id string) (image.AMI, error)
	// OwnAMIs returns the account's AMIs that have a tag with this value.
	OwnAMIs(ctx context.Context, tag, value string) ([]image.AMI, error)
	// Register makes an AMI and returns its ID.
	Register(ctx context.Context, ami image.AMI, description string) (string, error)
	// CopyAMI copies an AMI from another region into this one, with the name and the tags of ami. Calls with the same
	// token return the same copy.
	CopyAMI(ctx context.Context, ami image.AMI, region, token string) (string, error)
	// EncryptedByDefault reports whether everything new is encrypted.
	EncryptedByDefault(ctx context.Context) (bool, error)
	// Share lets accounts (numbers) and organizational units (ARNs) launch an AMI.
	Share(ctx context.Context, id string, accounts, units []string) error
}
