package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"image-builder/internal/image"
)

// Unchecked says that EC2 could not be asked about an AMI. The mappings may be right all the same.
type Unchecked struct{ Err error }

func (u *Unchecked) Error() string { return u.Err.Error() }

func (u *Unchecked) Unwrap() error { return u.Err }

// Check compares an AMI with its description in the mappings. The error is of the class NotUsable if they differ, an *Unchecked
// if EC2 could not be asked.
func Check(ctx context.Context, images Images, id, region string, wanted System) (image.AMI, error) {
	ami, err := images.AMI(ctx, id)
	hint := "do not use it; name another release with --release"
	switch {
	case ctx.Err() != nil:
		return image.AMI{}, ctx.Err()
	case errors.Is(err, fs.ErrNotExist):
		return image.AMI{}, unusable(fmt.Sprintf("%s is not in %s", id, region), "Buildkite takes old AMIs away: name a newer release with --release")
	case err != nil:
		return image.AMI{}, &Unchecked{err}

	case ami.Owner != image.Buildkite:
		return ami, unusable(fmt.Sprintf("%s belongs to account %s, not to Buildkite (%s)", id, ami.Owner, image.Buildkite), hint)
	case ami.Arch != wanted.Arch:
		return ami, unusable(fmt.Sprintf("%s is %s, not %s", id, ami.Arch, wanted.Arch), hint)
	case ami.Windows != (wanted.OS == "windows"):
		return ami, unusable(fmt.Sprintf("%s (%s) is not of %s", id, ami.Name, wanted.OS), hint)

	case ami.State != "available":
		return ami, unusable(fmt.Sprintf("%s is not available but %s", id, ami.State), "try again in a while, or name another release with --release")
	}

	return ami, nil
}
