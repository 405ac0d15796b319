package awstest

import (
	"maps"
	"slices"
)

var snapshotFilters = filters[*Snapshot]{
	"owner-id":    func(s *Snapshot) []string { return []string{s.Owner} },
	"snapshot-id": func(s *Snapshot) []string { return []string{s.ID} },
	"status":      func(s *Snapshot) []string { return []string{s.State} },
	"description": func(s *Snapshot) []string { return []string{s.Description} },
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSnapshots.html
func (e *EC2) describeSnapshots(call Call) (Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	seen := e.disks.visible()
	snapshots, err := ec2IDs(e, listOf[string](call.In, "SnapshotIds"), seen, "snap", "InvalidSnapshot", "snapshot", func(s *Snapshot) string { return s.ID })
	if err != nil {
		return nil, err
	}

	snapshots, err = ec2Filter(e, call.In, snapshots, withTags(call.In, snapshotFilters, func(s *Snapshot) map[string]string { return s.Tags }))
	if err != nil {
		return nil, err
	}
	if owners := listOf[string](call.In, "OwnerIds"); len(owners) > 0 {
		snapshots = slices.DeleteFunc(slices.Clone(snapshots), func(s *Snapshot) bool {
			return !slices.Contains(owners, s.Owner) && (s.Owner != e.number || !slices.Contains(owners, "self"))
		})
	}
	return ec2Page(e, call, "SnapshotIds", "Snapshots", snapshots, encodeSnapshot)
}

func encodeSnapshot(s *Snapshot) Values {
	out := Values{
		"SnapshotId": s.ID, "OwnerId": s.Owner, "Description": s.Description, "State": s.State, "VolumeSize": s.Size, "Encrypted": s.Encrypted,
		"StartTime": s.Started.UTC(), "Progress": "100%", "VolumeId": "vol-ffffffff", "Tags": ec2Tags(s.Tags), "StorageTier": "standard",
	}
	if s.State == "pending" {
		out["Progress"] = "0%"
	}
	if s.State == "error" {
		out["StateMessage"] = "The snapshot was not completed in time."
	}
	if s.Key != "" {
		out["KmsKeyId"] = s.Key
	}
	return out
}

// visible returns copies of the snapshots that DescribeSnapshots can see, and lets those that are being completed go one
// step further.
func (e *EBS) visible() []*Snapshot {
	e.mu.Lock()
	defer e.mu.Unlock()
	var seen []*Snapshot
	for _, id := range slices.Sorted(maps.Keys(e.snapshots)) {
		s := e.snapshots[id]
		if s.late > 0 || (s.Owner != e.number && !s.Public) {
			s.late = max(0, s.late-1)
			continue
		}
		if s.State == "pending" && s.finish == 0 {
			s.State = "completed"
		} else if s.State == "pending" && s.finish > 0 {
			s.finish--
		}
		shown := *s
		seen = append(seen, &shown)
	}
	return seen
}

// remove deletes a snapshot of the account. It reports whether there was one.
func (e *EBS) remove(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.snapshots[id]
	if s == nil || s.Owner != e.number {
		return false
	}
	delete(e.snapshots, id)
	return true
}

// withTags adds a filter for each tag that a call asks about.
func withTags[T any](in Values, known filters[T], tags func(T) map[string]string) filters[T] {
	all := maps.Clone(known)
	for _, filter := range listOf[Values](in, "Filters") {
		name := textOf(filter, "Name")
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
