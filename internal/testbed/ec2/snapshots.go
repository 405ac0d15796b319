package ec2

import (
	"maps"
	"slices"

	"image-builder/internal/testbed/ebs"
	"image-builder/internal/testbed/wire"
)

var snapshotFilters = filters[*ebs.Snapshot]{
	"owner-id":    func(s *ebs.Snapshot) []string { return []string{s.Owner} },
	"snapshot-id": func(s *ebs.Snapshot) []string { return []string{s.ID} },
	"status":      func(s *ebs.Snapshot) []string { return []string{s.State} },
	"description": func(s *ebs.Snapshot) []string { return []string{s.Description} },
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSnapshots.html
func (e *Service) describeSnapshots(call wire.Call) (wire.Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	seen := e.disks.Visible()
	snapshots, err := ec2IDs(e, wire.List[string](call.In, "SnapshotIds"), seen, "snap", "InvalidSnapshot", "snapshot", func(s *ebs.Snapshot) string { return s.ID })
	if err != nil {
		return nil, err
	}

	snapshots, err = ec2Filter(e, call.In, snapshots, withTags(call.In, snapshotFilters, func(s *ebs.Snapshot) map[string]string { return s.Tags }))
	if err != nil {
		return nil, err
	}

	if owners := wire.List[string](call.In, "OwnerIds"); len(owners) > 0 {
		snapshots = slices.DeleteFunc(slices.Clone(snapshots), func(s *ebs.Snapshot) bool {
			return !slices.Contains(owners, s.Owner) && (s.Owner != e.Number || !slices.Contains(owners, "self"))
		})
	}

	return ec2Page(e, call, "SnapshotIds", "Snapshots", snapshots, encodeSnapshot)
}

func encodeSnapshot(s *ebs.Snapshot) wire.Values {
	out := wire.Values{
		"SnapshotId": s.ID, "OwnerId": s.Owner, "Description": s.Description, "State": s.State, "VolumeSize": s.Size, "Encrypted": s.Encrypted,
		"StartTime": s.Started.UTC(), "Progress": "100%", "VolumeId": "vol-ffffffff", "Tags": wire.Tags(s.Tags), "StorageTier": "standard",
	}

	if s.State == "pending" {
		out["Progress"] = "0%"
	}

	if s.State == "error" {
		out["StateMessage"] = "The snapshot was not completed in time."
	}

	if s.State == "completed" {
		out["FullSnapshotSizeInBytes"] = s.Data()
	}

	if s.Key != "" {
		out["KmsKeyId"] = s.Key
	}

	return out
}

// withTags adds a filter for each tag that a call asks about.
func withTags[T any](in wire.Values, known filters[T], tags func(T) map[string]string) filters[T] {
	all := maps.Clone(known)
	for _, filter := range wire.List[wire.Values](in, "Filters") {
		name := wire.Text(filter, "Name")
		if len(name) > 4 && name[:4] == "tag:" {
			all[name] = func(item T) []string {
				if value, set := tags(item)[name[4:]]; set {
					return []string{value}
				}
				return nil
			}
		}
	}

	return all
}
