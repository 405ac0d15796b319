package publish

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/progress"
	"image-builder/internal/snapshot"
)

// The tags that record where an AMI and its snapshot come from.
const (
	baseTag    = "image-builder:base"
	baseAMITag = "image-builder:base-ami"
	parentTag  = "image-builder:parent-snapshot"
	recipeTag  = "image-builder:recipe-digest"
	sourceTag  = "image-builder:source-ami" // of a copy in another region
)

// BilledError says that an AMI is billed by its contents, which RegisterImage would lose.
type BilledError struct {
	AMI string
	Why string
}

func (e *BilledError) Error() string {
	return fmt.Sprintf("register AMI: %s is billed for %s, and an AMI made of a snapshot would not be: %s", e.AMI, e.Why, e.Hint())
}

// Class is that of things that cannot be used.
func (e *BilledError) Class() fault.Class { return fault.NotUsable }

// Hint says what to do next.
func (e *BilledError) Hint() string { return "bake it with EC2 Image Builder (image-builder deploy)" }

// billed lists the platforms with a price of their own.
var billed = regexp.MustCompile(`(?i)red hat|rhel|suse|windows|sql server|ubuntu pro`)

// ShareWith adds accounts, by number, and organizational units, by ARN.
func (r *Request) ShareWith(with []string) error {
	for _, one := range with {
		switch {
		case image.IsAccount(one):
			r.Accounts = append(r.Accounts, one)
		case image.IsUnit(one):
			r.Units = append(r.Units, one)
		default:
			return fault.New(fault.BadInput, fmt.Errorf("%q is neither an account nor an organizational unit", one),
				"write the account's 12 digits, or arn:aws:organizations::123456789012:ou/o-…/ou-…")
		}
	}

	return nil
}

// publishable refuses images that must not become an AMI.
func publishable(r Request) error {
	base := r.Base.AMI
	switch {
	case r.Image.Failed != "":
		return fault.New(fault.NotUsable, fmt.Errorf("its bake failed (%s)", r.Image.Failed), "bake it again")
	case snapshot.VolumeSize(r.Image.Size) > snapshot.MaxVolume:
		return fault.New(fault.NotUsable, fmt.Errorf("its disk has %d GiB, and a volume at most %d", snapshot.VolumeSize(r.Image.Size), snapshot.MaxVolume), "")
	case base == nil:
		return nil
	case len(base.ProductCodes) > 0:
		return &BilledError{base.ID, "product codes of the AWS Marketplace (" + strings.Join(base.ProductCodes, ", ") + ")"}
	case billed.MatchString(base.Platform):
		return &BilledError{base.ID, base.Platform}
	}

	return nil
}

// likeBase is an AMI that boots as the image's base does.
func likeBase(r Request) image.AMI {
	if base := r.Base.AMI; base != nil {
		ami := *base
		ami.ID = ""
		ami.Arch = r.Image.Arch
		return ami
	}

	ami := image.AMI{Arch: r.Image.Arch, RootDevice: "/dev/xvda", Virtualization: "hvm", ENA: true, SRIOV: "simple", IMDS: "v2.0", Volume: image.Volume{Type: "gp3"}}
	uefi := slices.Contains(r.Image.Firmware, image.UEFI)
	switch {
	case r.Image.Arch == image.ARM64, uefi && !slices.Contains(r.Image.Firmware, image.BIOS):
		ami.BootMode = "uefi"
	case uefi:
		ami.BootMode = "uefi-preferred"
	default:
		ami.BootMode = "legacy-bios"
	}

	return ami
}

// unusable matches characters that an AMI's name may not have.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html
var unusable = regexp.MustCompile(`[^A-Za-z0-9()\[\] ./\-'@_]`)

// nameOf is the AMI's name.
func nameOf(r Request) string {
	if r.Name != "" {
		return r.Name
	}
	name := unusable.ReplaceAllString(r.Image.Name, "-")
	return name[:min(len(name), 100)] + "-" + r.Image.ID
}

// tagsOf returns the tags of the AMI and of its snapshot: the user's, and those that record where they come from.
func tagsOf(r Request, parent *snapshot.Parent) map[string]string {
	tags := maps.Clone(r.Tags)
	if tags == nil {
		tags = map[string]string{}
	}

	tags["Name"] = nameOf(r)
	tags[ImageTag] = r.Image.ID
	tags[baseTag] = r.Image.Base
	tags[recipeTag] = r.Image.RecipeDigest

	if r.Base.AMI != nil {
		tags[baseAMITag] = r.Base.AMI.ID
	}

	if parent != nil {
		tags[parentTag] = parent.Snapshot
	}

	return tags
}

// copyTags returns the tags of an AMI's copy in another region, where the parent snapshot does not exist.
func copyTags(r Request, from image.Published) map[string]string {
	tags := tagsOf(r, nil)
	tags[sourceTag] = from.AMI
	return tags
}

// parent returns the snapshot that the new one will differ from; nil if all data must be sent. The caller closes its
// files.
func (p Publisher) parent(ctx context.Context, r Request, region string) (*snapshot.Parent, error) {
	base := r.Base
	if base.Snapshot == "" || base.Region != region || base.Size > r.Image.Size {
		return nil, nil
	}
	found, err := p.Snapshots.Snapshot(ctx, base.Snapshot)
	if errors.Is(err, snapshot.ErrNotFound) || (err == nil && found.State != snapshot.Completed) {
		p.note("the snapshot %s of the base is gone, so all data is sent: image-builder base pull %s brings it back", base.Snapshot, base.Name)
		return nil, nil
	}

	if err != nil {
		return nil, err
	}
	encrypted, err := p.AMIs.EncryptedByDefault(ctx)
	if err != nil {
		return nil, err
	}
	if encrypted && !found.Encrypted {
		p.note("this account encrypts by default, and the snapshot %s of the base is not encrypted, so all data is sent", base.Snapshot)
		return nil, nil
	}

	digests, err := snapshot.Beside(ctx, base.Disk)
	if err != nil {
		return nil, err
	}
	disk, err := os.Open(base.Disk)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read base: %w", err), digests.Close())
	}

	return &snapshot.Parent{Snapshot: base.Snapshot, Digests: digests, Disk: disk}, nil
}

func (p Publisher) note(text string, args ...any) {
	p.Progress.Send(progress.Event{Kind: progress.Note, Text: fmt.Sprintf(text, args...)})
}
