package ec2

import (
	"slices"
	"strings"

	"image-builder/internal/testbed/wire"
)

// snapshotOf is the snapshot of an AMI's one volume.
func snapshotOf(ami string) string { return strings.Replace(ami, "ami-", "snap-", 1) }

// Orphans returns the snapshots whose AMIs were removed.
func (e *Service) Orphans() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.orphans)
}

func (e *Service) deregister(id string) {
	if a, ok := e.ami(id); ok {
		e.orphans = append(e.orphans, a.Snapshot)
	}
	e.images = slices.DeleteFunc(e.images, func(a AMI) bool { return a.ID == id })
	e.gone = append(e.gone, id)
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeregisterImage.html
func (e *Service) deregisterImage(call wire.Call) (wire.Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	id := wire.Text(call.In, "ImageId")
	if slices.Contains(e.gone, id) {
		return nil, e.refuse("InvalidAMIID.Unavailable", "The image ID '%s' is no longer available", id)
	}

	a, there := e.ami(id)
	if !there {
		return nil, e.refuse("InvalidAMIID.NotFound", "The image id '[%s]' does not exist", id)
	}
	if a.Owner != e.Number {
		return nil, e.refuse("AuthFailure", "Not authorized for image:%s", id)
	}

	e.deregister(id)
	return wire.Values{"Return": true}, nil
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSnapshot.html
func (e *Service) deleteSnapshot(call wire.Call) (wire.Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	id := wire.Text(call.In, "SnapshotId")
	if i := slices.IndexFunc(e.images, func(a AMI) bool { return a.Snapshot == id && a.Owner == e.Number }); i >= 0 {
		return nil, e.refuse("InvalidSnapshot.InUse", "The snapshot %s is currently in use by %s", id, e.images[i].ID)
	}
	if e.disks.Remove(id) {
		return nil, nil
	}

	if !slices.Contains(e.orphans, id) {
		return nil, e.refuse("InvalidSnapshot.NotFound", "The snapshot '%s' does not exist.", id)
	}

	e.orphans = slices.DeleteFunc(e.orphans, func(s string) bool { return s == id })
	return nil, nil
}
