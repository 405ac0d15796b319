package ec2

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"image-builder/internal/testbed/ebs"
	"image-builder/internal/testbed/wire"
)

var amiName = regexp.MustCompile(`^[A-Za-z0-9()\[\] ./\-'@_]{3,128}$`)

// pendingLooks is how often a new AMI, or a copy, is described as pending.
const pendingLooks = 2

// progress advances AMIs by one step.
func (e *Service) progress() {
	for i := range e.images {
		if a := &e.images[i]; a.State == "pending" && a.looks > 0 {
			a.looks--
			if a.looks == 0 {
				a.State = "available"
			}
		}
	}
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html
func (e *Service) registerImage(call wire.Call) (wire.Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	a := AMI{
		Name: wire.Text(call.In, "Name"), Description: wire.Text(call.In, "Description"), Architecture: cmp.Or(wire.Text(call.In, "Architecture"), "i386"),
		RootDevice: wire.Text(call.In, "RootDeviceName"), BootMode: wire.Text(call.In, "BootMode"), ENA: wire.Truth(call.In, "EnaSupport"),
		IMDS: wire.Text(call.In, "ImdsSupport"), TPM: wire.Text(call.In, "TpmSupport"), SRIOV: wire.Text(call.In, "SriovNetSupport"),
		Platform: "Linux/UNIX", Owner: e.Number, State: "pending", looks: pendingLooks, Created: e.Now(),
		Tags: specifiedTags(call.In, "image"),
	}
	if err := e.registrable(a, call.In); err != nil {
		return nil, err
	}

	for _, mapping := range wire.List[wire.Values](call.In, "BlockDeviceMappings") {
		if wire.Text(mapping, "DeviceName") != a.RootDevice {
			a.Devices = append(a.Devices, mapping)
			continue
		}
		volume := wire.Struct(mapping, "Ebs")
		a.Snapshot = wire.Text(volume, "SnapshotId")
		snapshot, ok := e.disks.Snapshot(a.Snapshot)

		_, encrypted := volume["Encrypted"]
		switch {
		case !ok || snapshot.Owner != e.Number:
			return nil, e.refuse("InvalidSnapshot.NotFound", "The snapshot '%s' does not exist.", a.Snapshot)
		case snapshot.State != "completed":
			return nil, e.refuse("IncorrectState", "Snapshot is in invalid state - %s", snapshot.State)
		case encrypted:
			return nil, e.refuse("InvalidBlockDeviceMapping", "the encrypted flag cannot be specified since device %s has a snapshot specified.", a.RootDevice)
		}

		a.RootSize = wire.Number(volume, "VolumeSize", snapshot.Size)
		if a.RootSize < snapshot.Size {
			return nil, e.refuse("InvalidBlockDeviceMapping", "Volume of size %dGB is smaller than snapshot '%s', expect size >= %dGB", a.RootSize, a.Snapshot, snapshot.Size)
		}
	}

	if a.Snapshot == "" {
		return nil, e.refuse("InvalidBlockDeviceMapping", "No root snapshot specified in device mapping.")
	}

	a.ID = e.id("ami")
	e.images = append(e.images, a)
	return wire.Values{"ImageId": a.ID}, nil
}

// registrable refuses requests that EC2 refuses.
func (e *Service) registrable(a AMI, in wire.Values) error {
	virtualization := cmp.Or(wire.Text(in, "VirtualizationType"), "paravirtual")
	switch {
	case !amiName.MatchString(a.Name):
		return e.refuse("InvalidAMIName.Malformed", "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, and some punctuation")
	case slices.ContainsFunc(e.images, func(other AMI) bool { return other.Name == a.Name && other.Owner == e.Number }):
		return e.refuse("InvalidAMIName.Duplicate", "AMI name %s is already in use by AMI", a.Name)
	case a.RootDevice == "":
		return e.refuse("MissingParameter", "The request must contain the parameter RootDeviceName")

	case virtualization != "hvm" && a.Architecture != "i386":
		return e.refuse("InvalidParameterCombination", "The architecture %s needs the virtualization type hvm", a.Architecture)
	case a.Architecture == "arm64" && a.BootMode != "" && a.BootMode != "uefi":
		return e.refuse("InvalidParameterCombination", "The architecture arm64 needs the boot mode uefi")
	case a.TPM != "" && !strings.HasPrefix(a.BootMode, "uefi"):
		return e.refuse("InvalidParameterCombination", "TpmSupport needs the boot mode uefi")
	}

	return nil
}

func specifiedTags(in wire.Values, kind string) map[string]string {
	tags := map[string]string{}
	for _, specification := range wire.List[wire.Values](in, "TagSpecifications") {
		for _, tag := range wire.List[wire.Values](specification, "Tags") {
			if wire.Text(specification, "ResourceType") == kind {
				tags[wire.Text(tag, "Key")] = wire.Text(tag, "Value")
			}
		}
	}
	return tags
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopySnapshot.html
func (e *Service) copySnapshot(call wire.Call) (wire.Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	id := wire.Text(call.In, "SourceSnapshotId")
	tags := specifiedTags(call.In, "snapshot")
	made, ok := e.disks.Copy(id, wire.Text(call.In, "Description"), tags, wire.Truth(call.In, "Encrypted"))
	if !ok || wire.Text(call.In, "SourceRegion") != e.Region {
		return nil, e.refuse("InvalidSnapshot.NotFound", "The snapshot '%s' does not exist.", id)
	}
	return wire.Values{"SnapshotId": made, "Tags": wire.Tags(tags)}, nil
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopyImage.html
func (e *Service) copyImage(call wire.Call) (wire.Values, error) {
	source := e.source(wire.Text(call.In, "SourceRegion"))
	var from AMI
	ok := false

	if source != nil {
		from, ok = source.AMI(wire.Text(call.In, "SourceImageId"))
	}

	e.mu.Lock()
	defer e.mu.Unlock()
	if !ok || (from.Owner != e.Number && !from.Public) {
		return nil, e.refuse("InvalidAMIID.NotFound", "The image id '[%s]' does not exist", wire.Text(call.In, "SourceImageId"))
	}

	a := from
	a.ID = e.id("ami")
	a.Name = wire.Text(call.In, "Name")
	a.Owner = e.Number
	a.Public = false
	a.Source = from.ID
	a.Shared = nil // launch permissions are not copied
	a.State = "pending"
	a.looks = pendingLooks
	a.Tags = specifiedTags(call.In, "image")

	snapshot, ok, err := e.disks.CopyFrom(source.disks, from.Snapshot, ebs.Snapshot{
		Description: "Copied", Tags: specifiedTags(call.In, "snapshot"), Encrypted: wire.Truth(call.In, "Encrypted"),
	})
	if err != nil {
		return nil, err
	}

	if ok {
		a.Snapshot = snapshot
	}

	e.images = append(e.images, a)
	return wire.Values{"ImageId": a.ID}, nil
}

// own finds an AMI of the account.
func (e *Service) own(id string) (*AMI, error) {
	i := slices.IndexFunc(e.images, func(a AMI) bool { return a.ID == id && a.Owner == e.Number })
	if i < 0 {
		return nil, e.refuse("InvalidAMIID.NotFound", "The image id '[%s]' does not exist", id)
	}
	return &e.images[i], nil
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyImageAttribute.html
func (e *Service) modifyImageAttribute(call wire.Call) (wire.Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	a, err := e.own(wire.Text(call.In, "ImageId"))
	if err != nil {
		return nil, err
	}
	if a.State != "available" {
		return nil, e.refuse("InvalidAMIID.Unavailable", "The image ID '%s' is not available", a.ID)
	}

	if support := wire.Struct(call.In, "ImdsSupport"); support != nil {
		if value := wire.Text(support, "Value"); value != "v2.0" { // it cannot be taken back
			return nil, e.refuse("InvalidParameterValue", "Value (%s) for parameter imdsSupport is invalid", value)
		}
		a.IMDS = "v2.0"
	}

	for _, permission := range wire.List[wire.Values](wire.Struct(call.In, "LaunchPermission"), "Add") {
		with := cmp.Or(wire.Text(permission, "UserId"), wire.Text(permission, "OrganizationalUnitArn"))
		if !slices.Contains(a.Shared, with) {
			a.Shared = append(a.Shared, with)
		}
	}

	return wire.Values{}, nil
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html
func (e *Service) createTags(call wire.Call) (wire.Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, id := range wire.List[string](call.In, "Resources") {
		a, err := e.own(id)
		if err != nil {
			return nil, err
		}
		a.Tags = maps.Clone(a.Tags)
		if a.Tags == nil {
			a.Tags = map[string]string{}
		}
		for _, tag := range wire.List[wire.Values](call.In, "Tags") {
			a.Tags[wire.Text(tag, "Key")] = wire.Text(tag, "Value")
		}
	}

	return wire.Values{}, nil
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetEbsEncryptionByDefault.html
func (e *Service) getEncryptionByDefault(wire.Call) (wire.Values, error) {
	return wire.Values{"EbsEncryptionByDefault": e.disks.EncryptsByDefault()}, nil
}
