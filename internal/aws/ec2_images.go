package aws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"image-builder/internal/fault"
	"image-builder/internal/image"
)

func amiOf(i types.Image) image.AMI {
	ami := image.AMI{
		ID: aws.ToString(i.ImageId), Name: aws.ToString(i.Name), Owner: aws.ToString(i.OwnerId), State: string(i.State),
		Arch: image.Arch(i.Architecture), Windows: strings.EqualFold(string(i.Platform), "windows"), RootDevice: aws.ToString(i.RootDeviceName),
		Virtualization: string(i.VirtualizationType), BootMode: string(i.BootMode), ENA: aws.ToBool(i.EnaSupport),
		SRIOV: aws.ToString(i.SriovNetSupport), IMDS: string(i.ImdsSupport), TPM: string(i.TpmSupport), Platform: aws.ToString(i.PlatformDetails),
		Tags: tagsOf(i.Tags),
	}
	for _, code := range i.ProductCodes {
		ami.ProductCodes = append(ami.ProductCodes, aws.ToString(code.ProductCodeId))
	}

	for _, mapping := range i.BlockDeviceMappings {
		device := deviceOf(mapping)
		if device.Name != ami.RootDevice || mapping.Ebs == nil {
			ami.Others = append(ami.Others, device)
			continue
		}
		ami.RootSize = device.Size
		ami.Snapshot = device.Snapshot
		ami.Volume = device.Volume
		ami.Encrypted = aws.ToBool(mapping.Ebs.Encrypted)
	}

	ami.Deprecated, _ = time.Parse(time.RFC3339, aws.ToString(i.DeprecationTime)) // without one it is not deprecated
	return ami
}

func deviceOf(mapping types.BlockDeviceMapping) image.Device {
	device := image.Device{Name: aws.ToString(mapping.DeviceName), Virtual: aws.ToString(mapping.VirtualName)}
	if volume := mapping.Ebs; volume != nil {
		device.Snapshot = aws.ToString(volume.SnapshotId)
		device.Size = int64(aws.ToInt32(volume.VolumeSize))
		device.Volume = image.Volume{Type: string(volume.VolumeType), IOPS: aws.ToInt32(volume.Iops), Throughput: aws.ToInt32(volume.Throughput)}
	}
	return device
}

func tagsOf(tags []types.Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	named := map[string]string{}
	for _, tag := range tags {
		named[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return named
}

func tagged(kind types.ResourceType, tags map[string]string) []types.TagSpecification {
	if len(tags) == 0 {
		return nil
	}
	specification := types.TagSpecification{ResourceType: kind}
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		specification.Tags = append(specification.Tags, types.Tag{Key: aws.String(name), Value: aws.String(tags[name])})
	}
	return []types.TagSpecification{specification}
}

// OwnAMIs returns this account's AMIs that have a tag with this value, including pending ones.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html
func (e *EC2) OwnAMIs(ctx context.Context, tag, value string) ([]image.AMI, error) {
	client, err := e.open(ctx)
	if err != nil {
		return nil, err
	}

	var found []image.AMI
	err = eachPage(func(token *string) (*string, error) {
		page, err := client.DescribeImages(ctx, &ec2.DescribeImagesInput{
			Owners: []string{"self"}, Filters: []types.Filter{filter("tag:"+tag, value)}, IncludeDeprecated: aws.Bool(true), NextToken: token,
		})
		if err != nil {
			return nil, e.explain(ctx, "look for AMIs with the tag "+tag, err)
		}
		for _, one := range page.Images {
			found = append(found, amiOf(one))
		}
		return page.NextToken, nil
	})

	return found, err
}

// Register makes an AMI of its root device's snapshot, and returns the AMI's ID. The error is a *NameTakenError if
// the name is in use. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html
func (e *EC2) Register(ctx context.Context, ami image.AMI, description string) (string, error) {
	client, err := e.open(ctx)
	if err != nil {
		return "", err
	}

	in := &ec2.RegisterImageInput{
		Name: &ami.Name, Description: optional(description), RootDeviceName: &ami.RootDevice, Architecture: types.ArchitectureValues(ami.Arch),
		VirtualizationType: aws.String(cmp.Or(ami.Virtualization, "hvm")), BootMode: types.BootModeValues(ami.BootMode), EnaSupport: &ami.ENA,
		SriovNetSupport: optional(ami.SRIOV), ImdsSupport: types.ImdsSupportValues(ami.IMDS), TpmSupport: types.TpmSupportValues(ami.TPM),
		TagSpecifications:   tagged(types.ResourceTypeImage, ami.Tags),
		BlockDeviceMappings: mappings(ami),
	}

	out, err := client.RegisterImage(ctx, in)
	if err != nil {
		return "", nameTaken(ami.Name, e.explain(ctx, "register AMI "+ami.Name, err))
	}

	return aws.ToString(out.ImageId), nil
}

// mappings are the block devices of an AMI. EC2 refuses an encryption setting on a device that has a snapshot.
func mappings(ami image.AMI) []types.BlockDeviceMapping {
	root := image.Device{Name: ami.RootDevice, Snapshot: ami.Snapshot, Size: ami.RootSize, Volume: ami.Volume}
	mapped := []types.BlockDeviceMapping{mappingOf(root)}
	for _, device := range ami.Others {
		mapped = append(mapped, mappingOf(device))
	}
	return mapped
}

func mappingOf(device image.Device) types.BlockDeviceMapping {
	mapping := types.BlockDeviceMapping{DeviceName: aws.String(device.Name), VirtualName: optional(device.Virtual)}
	if device.Virtual != "" {
		return mapping
	}

	mapping.Ebs = &types.EbsBlockDevice{
		SnapshotId: optional(device.Snapshot), VolumeSize: aws.Int32(int32(device.Size)), DeleteOnTermination: aws.Bool(true),
		VolumeType: types.VolumeType(cmp.Or(device.Volume.Type, "gp3")),
	}

	if device.Volume.IOPS > 0 {
		mapping.Ebs.Iops = aws.Int32(device.Volume.IOPS)
	}

	if device.Volume.Throughput > 0 {
		mapping.Ebs.Throughput = aws.Int32(device.Volume.Throughput)
	}

	return mapping
}

// NameTakenError says that the account already has an AMI of this name in the region.
type NameTakenError struct {
	Name string
	Err  error
}

func (e *NameTakenError) Error() string {
	return fmt.Sprintf("there is an AMI named %s already: %s", e.Name, e.Hint())
}

// Class is that of things that cannot be used.
func (e *NameTakenError) Class() fault.Class { return fault.NotUsable }

// Hint says what to do next.
func (e *NameTakenError) Hint() string { return "choose another name with --name" }

// Unwrap returns EC2's own error.
func (e *NameTakenError) Unwrap() error { return e.Err }

func nameTaken(name string, err error) error {
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() == "InvalidAMIName.Duplicate" {
		return &NameTakenError{Name: name, Err: err}
	}
	return err
}

// EncryptedByDefault reports whether the account encrypts new volumes and snapshots in this region.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetEbsEncryptionByDefault.html
func (e *EC2) EncryptedByDefault(ctx context.Context) (bool, error) {
	client, err := e.open(ctx)
	if err != nil {
		return false, err
	}
	out, err := client.GetEbsEncryptionByDefault(ctx, &ec2.GetEbsEncryptionByDefaultInput{})
	if err != nil {
		return false, e.explain(ctx, "look at the encryption by default", err)
	}
	return aws.ToBool(out.EbsEncryptionByDefault), nil
}

// CopySnapshot starts to copy a snapshot into this account, and returns the copy's ID.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopySnapshot.html
func (e *EC2) CopySnapshot(ctx context.Context, id, region, description string, tags map[string]string) (string, error) {
	client, err := e.open(ctx)
	if err != nil {
		return "", err
	}
	out, err := client.CopySnapshot(ctx, &ec2.CopySnapshotInput{
		SourceSnapshotId: &id, SourceRegion: aws.String(cmp.Or(region, client.Options().Region)), Description: optional(description),
		TagSpecifications: tagged(types.ResourceTypeSnapshot, tags),
	})
	if err != nil {
		return "", e.explain(ctx, "copy "+id, err)
	}

	return aws.ToString(out.SnapshotId), nil
}

// CopyAMI starts to copy an AMI from another region into this one, and returns the copy's ID. Calls with the same
// token return the same copy. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopyImage.html
func (e *EC2) CopyAMI(ctx context.Context, ami image.AMI, region, token string) (string, error) {
	client, err := e.open(ctx)
	if err != nil {
		return "", err
	}
	tags := append(tagged(types.ResourceTypeImage, ami.Tags), tagged(types.ResourceTypeSnapshot, ami.Tags)...)
	out, err := client.CopyImage(ctx, &ec2.CopyImageInput{
		Name: &ami.Name, SourceImageId: &ami.ID, SourceRegion: &region, ClientToken: &token, TagSpecifications: tags,
	})
	if err != nil {
		return "", nameTaken(ami.Name, e.explain(ctx, "copy "+ami.ID+" from "+region, err))
	}

	return aws.ToString(out.ImageId), nil
}

// Share lets accounts (numbers) and organizational units (ARNs) launch an AMI.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyImageAttribute.html
func (e *EC2) Share(ctx context.Context, id string, accounts, units []string) error {
	client, err := e.open(ctx)
	if err != nil {
		return err
	}

	var add []types.LaunchPermission
	for _, account := range accounts {
		add = append(add, types.LaunchPermission{UserId: aws.String(account)})
	}

	for _, unit := range units {
		add = append(add, types.LaunchPermission{OrganizationalUnitArn: aws.String(unit)})
	}

	_, err = client.ModifyImageAttribute(ctx, &ec2.ModifyImageAttributeInput{
		ImageId: &id, LaunchPermission: &types.LaunchPermissionModifications{Add: add},
	})
	if err != nil {
		return e.explain(ctx, "share "+id, err)
	}

	return nil
}

// Region returns the session's region.
func (e *EC2) Region(ctx context.Context) (string, error) {
	cfg, err := e.Session.regional(ctx)
	return cfg.Region, err
}
