package base

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"image-builder/internal/disk"
	"image-builder/internal/image"
	"image-builder/internal/patience"
	"image-builder/internal/snapshot"
)

// SourceTag is the tag on the account's copy of a snapshot, to find the copy again; its value is the ID of the
// original.
const SourceTag = "image-builder:source-snapshot"

// Account is the AWS account whose AMIs are pulled.
type Account struct {
	AMIs   AMIs
	Copies Copies
	Reader snapshot.Reader
	// Parameters are the account's.
	Parameters Parameters
	// Partial is a directory, on the filesystem of the bases, for incomplete disks. An interrupted download continues
	// there.
	Partial string

	Pace   snapshot.Pace
	Bounds snapshot.Bounds
}

// copying bounds the copy of a snapshot into the account: EC2 takes minutes for a few GiB, and longer when it is
// busy.
const copying = 2 * time.Hour

// AMI lays down the root disk of an AMI, without an instance. It first copies another account's snapshot into this
// account, because the EBS direct APIs read no others; it finds the copy again by its tag. Given bases that came from
// AMIs, it transfers only what differs from the most similar one.
func (m Maker) AMI(ctx context.Context, account Account, id string, earlier []image.Base) (image.Base, error) {
	ami, err := account.AMIs.AMI(ctx, id)
	if err == nil {
		err = pullable(ami)
	}

	if err != nil {
		return image.Base{}, fmt.Errorf("pull base %s: %w", id, err)
	}

	made, err := m.pullAMI(ctx, account, ami, earlier)
	if err != nil {
		return image.Base{}, fmt.Errorf("pull base %s: %w", id, named(err, m.path(diskFile), id))
	}

	return made, nil
}

// pullable refuses an AMI that cannot be baked here.
func pullable(ami image.AMI) error {
	switch {
	case ami.State != "available":
		return fmt.Errorf("it is %s: name an AMI that is available", ami.State)
	case ami.Windows:
		return errors.New("it is a Windows AMI: bake it with EC2 Image Builder (image-builder deploy)")
	case ami.Snapshot == "":
		return errors.New("its root device is not an EBS volume: name an AMI that has one")
	case ami.Virtualization != "" && ami.Virtualization != "hvm":
		return fmt.Errorf("its virtualization is %s: name an AMI with hvm", ami.Virtualization)
	}

	return nil
}

func (m Maker) pullAMI(ctx context.Context, account Account, ami image.AMI, earlier []image.Base) (image.Base, error) {
	own, err := m.ownSnapshot(ctx, account, ami)
	if err != nil {
		return image.Base{}, err
	}
	region, err := account.AMIs.Region(ctx)
	if err != nil {
		return image.Base{}, err
	}
	if err := m.bring(ctx, account, ami, own, earlier); err != nil {
		return image.Base{}, err
	}

	made, err := m.finish(ctx, ami.ID, fmt.Sprintf("%s (%s), %s", ami.ID, ami.Name, own))
	if err != nil {
		return image.Base{}, err
	}
	made.AMI = &ami
	made.Snapshot = own
	made.Region = region

	return made, disk.Check(ctx, made.Disk)
}

// ownSnapshot returns this account's snapshot of an AMI's root device; it copies another account's snapshot.
func (m Maker) ownSnapshot(ctx context.Context, account Account, ami image.AMI) (string, error) {
	own, err := account.Copies.OwnSnapshot(ctx, ami.Snapshot)
	if err != nil || own {
		return ami.Snapshot, err
	}
	defer m.Progress.Stage("copy snapshot")()

	copies, err := account.Copies.OwnSnapshots(ctx, SourceTag, ami.Snapshot)
	if err != nil {
		return "", err
	}
	id := ""
	for _, found := range copies {
		id = found.ID
		if found.State == snapshot.Completed {
			return id, nil
		}
	}

	if id == "" {
		tags := map[string]string{SourceTag: ami.Snapshot, "Name": ami.Name, "image-builder:source-ami": ami.ID}
		id, err = account.Copies.CopySnapshot(ctx, ami.Snapshot, "", "root disk of "+ami.ID+" for image-builder", tags)
		if err != nil {
			return "", err
		}
	}

	return id, m.copied(ctx, account, id)
}

// copied waits until a copy is complete.
func (m Maker) copied(ctx context.Context, account Account, id string) error {
	wait := patience.Wait{For: "the copy " + id, Limit: copying, Pace: account.Bounds.Most, First: account.Bounds.Soon, Report: m.Progress}
	began := time.Now()

	return wait.Until(ctx, func(ctx context.Context) (patience.Answer, error) {
		found, err := account.Copies.Snapshot(ctx, id)
		switch {
		case errors.Is(err, snapshot.ErrNotFound) && time.Since(began) < account.Bounds.Visible:
			return patience.Answer{State: "not visible yet"}, nil
		case err == nil && found.State != snapshot.Completed && found.State != snapshot.Pending:
			err = fmt.Errorf("copy snapshot: %s is in the state %s: %s", id, found.State, found.Message)
		}
		return patience.Answer{Done: found.State == snapshot.Completed, State: found.State}, err
	})
}

// amisOf returns the bases that were pulled from AMIs.
func amisOf(bases []image.Base) []image.Base {
	return slices.DeleteFunc(slices.Clone(bases), func(b image.Base) bool { return b.AMI == nil || !strings.HasPrefix(b.Snapshot, "snap-") })
}
