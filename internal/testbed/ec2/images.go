package ec2

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"image-builder/internal/testbed/wire"
)

var imageFilters = filters[AMI]{
	"architecture":                     func(a AMI) []string { return []string{a.Architecture} },
	"block-device-mapping.device-name": func(a AMI) []string { return []string{a.RootDevice} },
	"image-id":                         func(a AMI) []string { return []string{a.ID} },
	"is-public":                        func(a AMI) []string { return []string{strconv.FormatBool(a.Public)} },
	"name":                             func(a AMI) []string { return []string{a.Name} },
	"owner-id":                         func(a AMI) []string { return []string{a.Owner} },
	"root-device-name":                 func(a AMI) []string { return []string{a.RootDevice} },
	"root-device-type":                 func(AMI) []string { return []string{"ebs"} },
	"source-image-id":                  func(a AMI) []string { return []string{a.Source} },
	"state":                            func(a AMI) []string { return []string{a.State} },
	"virtualization-type":              func(AMI) []string { return []string{"hvm"} },
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html
func (e *Service) describeImages(call wire.Call) (wire.Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.progress()
	seen := slices.DeleteFunc(slices.Clone(e.images), func(a AMI) bool { return a.Owner != e.Number && !a.Public })

	ids := wire.List[string](call.In, "ImageIds")
	if i := slices.IndexFunc(ids, func(id string) bool { return slices.Contains(e.gone, id) }); i >= 0 {
		return nil, e.refuse("InvalidAMIID.Unavailable", "The image ID '%s' is no longer available", ids[i])
	}
	images, err := ec2IDs(e, ids, seen, "ami", "InvalidAMIID", "image id", func(a AMI) string { return a.ID })
	if err != nil {
		return nil, bracketed(err)
	}

	images, err = ec2Filter(e, call.In, images, tagFilters(call.In))
	if err != nil {
		return nil, err
	}

	if owners := wire.List[string](call.In, "Owners"); len(owners) > 0 {
		images = slices.DeleteFunc(slices.Clone(images), func(a AMI) bool { return !e.ownedBy(a, owners) })
	}

	if !wire.Truth(call.In, "IncludeDisabled") {
		images = slices.DeleteFunc(slices.Clone(images), func(a AMI) bool { return a.State == "disabled" })
	}

	return ec2Page(e, call, "ImageIds", "Images", images, e.encodeImage)
}

// bracketed puts the IDs of an AMI error into brackets, as the service has always done.
func bracketed(err error) error {
	var fault wire.Fault
	if errors.As(err, &fault) && fault.Code == "InvalidAMIID.NotFound" {
		first := strings.Index(fault.Message, "'")
		last := strings.LastIndex(fault.Message, "'")
		fault.Message = fault.Message[:first+1] + "[" + fault.Message[first+1:last] + "]" + fault.Message[last:]
		return fault
	}
	return err
}

// tagFilters adds a filter for each tag that a call asks about.
func tagFilters(in wire.Values) filters[AMI] {
	known := filters[AMI]{}
	for name, has := range imageFilters {
		known[name] = has
	}

	for _, filter := range wire.List[wire.Values](in, "Filters") {
		if key, ok := strings.CutPrefix(wire.Text(filter, "Name"), "tag:"); ok {
			known["tag:"+key] = func(a AMI) []string {
				if value, set := a.Tags[key]; set {
					return []string{value}
				}
				return nil
			}
		}
	}

	return known
}

func (e *Service) ownedBy(a AMI, owners []string) bool {
	return slices.ContainsFunc(owners, func(owner string) bool {
		return owner == a.Owner || (owner == "self" && a.Owner == e.Number)
	})
}

func (e *Service) encodeImage(a AMI) wire.Values {
	root := wire.Values{"DeviceName": a.RootDevice, "Ebs": wire.Values{
		"DeleteOnTermination": true, "SnapshotId": a.Snapshot, "VolumeSize": a.RootSize, "VolumeType": "gp3", "Encrypted": e.disks.IsEncrypted(a.Snapshot),
	}}
	out := wire.Values{
		"ImageId": a.ID, "ImageLocation": a.Owner + "/" + a.Name, "ImageType": "machine", "Name": a.Name,
		"State": a.State, "OwnerId": a.Owner, "Public": a.Public, "Architecture": a.Architecture,
		"CreationDate":   a.Created.UTC().Format("2006-01-02T15:04:05.000Z"),
		"RootDeviceName": a.RootDevice, "RootDeviceType": "ebs", "VirtualizationType": "hvm", "Hypervisor": "xen",
		"EnaSupport": a.ENA || strings.HasPrefix(a.Snapshot, snapshotOf(a.ID)), "PlatformDetails": a.Platform, "UsageOperation": "RunInstances",
		"DeprecationTime":     a.Created.Add(2 * 365 * 24 * time.Hour).UTC().Format("2006-01-02T15:04:05.000Z"),
		"BlockDeviceMappings": append([]any{root}, a.Devices...),
		"Tags":                wire.Tags(a.Tags),
	}

	if strings.HasPrefix(a.Platform, "Windows") {
		out["Platform"] = "Windows"
	}

	if a.Description != "" {
		out["Description"] = a.Description
	}

	for name, text := range map[string]string{"BootMode": a.BootMode, "ImdsSupport": a.IMDS, "TpmSupport": a.TPM, "SriovNetSupport": a.SRIOV} {
		if text != "" {
			out[name] = text
		}
	}

	codes := []any{}
	for _, code := range a.ProductCodes {
		codes = append(codes, wire.Values{"ProductCodeId": code, "ProductCodeType": "marketplace"})
	}

	if len(codes) > 0 {
		out["ProductCodes"] = codes
	}

	if a.Source != "" {
		out["SourceImageId"] = a.Source
		out["SourceImageRegion"] = e.Region
	}

	return out
}
