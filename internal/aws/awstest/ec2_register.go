package awstest

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

var amiName = regexp.MustCompile(`^[A-Za-z0-9()\[\] ./\-'@_]{3,128}$`)

// pendingLooks is how often a new AMI, or a copy, is described as pending.
const pendingLooks = 2

// progress lets AMIs go one step further.
func (e *EC2) progress() {
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
func (e *EC2) registerImage(call Call) (Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	a := AMI{
		Name: textOf(call.In, "Name"), Description: textOf(call.In, "Description"), Architecture: orElse(textOf(call.In, "Architecture"), "i386"),
		RootDevice: textOf(call.In, "RootDeviceName"), BootMode: textOf(call.In, "BootMode"), ENA: truthOf(call.In, "EnaSupport"),
		IMDS: textOf(call.In, "ImdsSupport"), TPM: textOf(call.In, "TpmSupport"), SRIOV: textOf(call.In, "SriovNetSupport"),
		Platform: "Linux/UNIX", Owner: e.number, State: "pending", looks: pendingLooks, Created: e.now(),
		Tags: specifiedTags(call.In, "image"),
	}
	if err := e.registrable(a, call.In); err != nil {
		return nil, err
	}
	for _, mapping := range listOf[Values](call.In, "BlockDeviceMappings") {
		if textOf(mapping, "DeviceName") != a.RootDevice {
			a.Devices = append(a.Devices, mapping)
			continue
		}
		volume := structOf(mapping, "Ebs")
		a.Snapshot = textOf(volume, "SnapshotId")
		snapshot, ok := e.disks.Snapshot(a.Snapshot)
		switch _, encrypted := volume["Encrypted"]; {
		case !ok || snapshot.Owner != e.number:
			return nil, e.refuse("InvalidSnapshot.NotFound", "The snapshot '%s' does not exist.", a.Snapshot)
		case snapshot.State != "completed":
			return nil, e.refuse("IncorrectState", "Snapshot is in invalid state - %s", snapshot.State)
		case encrypted:
			return nil, e.refuse("InvalidBlockDeviceMapping", "the encrypted flag cannot be specified since device %s has a snapshot specified.", a.RootDevice)
		}
		a.RootSize = numberOf(volume, "VolumeSize", snapshot.Size)
		if a.RootSize < snapshot.Size {
			return nil, e.refuse("InvalidBlockDeviceMapping", "Volume of size %dGB is smaller than snapshot '%s', expect size >= %dGB", a.RootSize, a.Snapshot, snapshot.Size)
		}
	}
	if a.Snapshot == "" {
		return nil, e.refuse("InvalidBlockDeviceMapping", "No root snapshot specified in device mapping.")
	}

	a.ID = e.id("ami")
	e.images = append(e.images, a)
	return Values{"ImageId": a.ID}, nil
}

// registrable refuses what an AMI may not be.
func (e *EC2) registrable(a AMI, in Values) error {
	virtualization := orElse(textOf(in, "VirtualizationType"), "paravirtual")
	switch {
	case !amiName.MatchString(a.Name):
		return e.refuse("InvalidAMIName.Malformed", "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, and some punctuation")
	case slices.ContainsFunc(e.images, func(other AMI) bool { return other.Name == a.Name && other.Owner == e.number }):
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

func specifiedTags(in Values, kind string) map[string]string {
	tags := map[string]string{}
	for _, specification := range listOf[Values](in, "TagSpecifications") {
		for _, tag := range listOf[Values](specification, "Tags") {
			if textOf(specification, "ResourceType") == kind {
				tags[textOf(tag, "Key")] = textOf(tag, "Value")
			}
		}
	}
	return tags
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopySnapshot.html
func (e *EC2) copySnapshot(call Call) (Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	id := textOf(call.In, "SourceSnapshotId")
	tags := specifiedTags(call.In, "snapshot")
	made, ok := e.disks.copy(id, textOf(call.In, "Description"), tags, truthOf(call.In, "Encrypted"))
	if !ok || textOf(call.In, "SourceRegion") != e.region {
		return nil, e.refuse("InvalidSnapshot.NotFound", "The snapshot '%s' does not exist.", id)
	}
	return Values{"SnapshotId": made, "Tags": ec2Tags(tags)}, nil
}

// copy begins a copy of a completed snapshot that the account can see. Its lineage is its own.
func (e *EBS) copy(id, description string, tags map[string]string, encrypted bool) (string, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	from := e.snapshots[id]
	if from == nil || from.State != "completed" || (from.Owner != e.number && !from.Public) {
		return "", false
	}

	s := &Snapshot{
		ID: e.id(), Owner: e.number, Description: description, Size: from.Size, State: "pending", Tags: tags, Started: e.now(),
		Encrypted: from.Encrypted || encrypted || e.encrypt, blocks: maps.Clone(from.blocks), finish: e.limits.Completing, late: e.limits.Late,
	}
	if s.Encrypted {
		s.Key = orElse(from.Key, ebsKey)
	}
	s.lineage = s.ID
	e.snapshots[s.ID] = s
	return s.ID, true
}

func (e *EBS) encrypted(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.snapshots[id]
	return s != nil && s.Encrypted
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopyImage.html
func (e *EC2) copyImage(call Call) (Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	from, ok := e.ami(textOf(call.In, "SourceImageId"))
	if !ok || textOf(call.In, "SourceRegion") != e.region || (from.Owner != e.number && !from.Public) {
		return nil, e.refuse("InvalidAMIID.NotFound", "The image id '[%s]' does not exist", textOf(call.In, "SourceImageId"))
	}

	a := from
	a.ID = e.id("ami")
	a.Name = textOf(call.In, "Name")
	a.Owner = e.number
	a.Public = false
	a.Source = from.ID
	a.State = "pending"
	a.looks = pendingLooks
	a.Tags = specifiedTags(call.In, "image")
	if snapshot, ok := e.disks.copy(from.Snapshot, "Copied", specifiedTags(call.In, "snapshot"), truthOf(call.In, "Encrypted")); ok {
		a.Snapshot = snapshot
	}
	e.images = append(e.images, a)
	return Values{"ImageId": a.ID}, nil
}

// own finds an AMI of the account.
func (e *EC2) own(id string) (*AMI, error) {
	i := slices.IndexFunc(e.images, func(a AMI) bool { return a.ID == id && a.Owner == e.number })
	if i < 0 {
		return nil, e.refuse("InvalidAMIID.NotFound", "The image id '[%s]' does not exist", id)
	}
	return &e.images[i], nil
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyImageAttribute.html
func (e *EC2) modifyImageAttribute(call Call) (Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	a, err := e.own(textOf(call.In, "ImageId"))
	if err != nil {
		return nil, err
	}
	if a.State != "available" {
		return nil, e.refuse("InvalidAMIID.Unavailable", "The image ID '%s' is not available", a.ID)
	}
	for _, permission := range listOf[Values](structOf(call.In, "LaunchPermission"), "Add") {
		a.Shared = append(a.Shared, orElse(textOf(permission, "UserId"), textOf(permission, "OrganizationalUnitArn")))
	}
	return Values{}, nil
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html
func (e *EC2) createTags(call Call) (Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, id := range listOf[string](call.In, "Resources") {
		a, err := e.own(id)
		if err != nil {
			return nil, err
		}
		a.Tags = maps.Clone(a.Tags)
		if a.Tags == nil {
			a.Tags = map[string]string{}
		}
		for _, tag := range listOf[Values](call.In, "Tags") {
			a.Tags[textOf(tag, "Key")] = textOf(tag, "Value")
		}
	}
	return Values{}, nil
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetEbsEncryptionByDefault.html
func (e *EC2) getEncryptionByDefault(Call) (Values, error) {
	e.disks.mu.Lock()
	defer e.disks.mu.Unlock()
	return Values{"EbsEncryptionByDefault": e.disks.encrypt}, nil
}
