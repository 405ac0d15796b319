package base

import (
	"context"

	"image-builder/internal/image"
	"image-builder/internal/snapshot"
)

// Catalog lists the existing bases and images. Satisfied by local.Store.
type Catalog interface {
	Bases(ctx context.Context) ([]image.Base, error)
	Images(ctx context.Context) ([]image.Image, error)
}

// Parameters reads parameters of this machine. Satisfied by local.Store.
type Parameters interface {
	// Parameter returns the value of a parameter by name.
	Parameter(ctx context.Context, name string) (string, error)
}

// Run is a private directory that becomes a base. Satisfied by local.Run.
type Run interface {
	// CommitBase keeps the directory's disk.raw as a base and returns it with its new path.
	CommitBase(ctx context.Context, made image.Base) (image.Base, error)
	// Close removes what was not committed.
	Close() error
}

// AMIs describes AMIs. Satisfied by aws.EC2.
type AMIs interface {
	// AMI returns an AMI that the account can see.
	AMI(ctx context.Context, id string) (image.AMI, error)
	// Region returns the region where AMIs are looked for.
	Region(ctx context.Context) (string, error)
}

// Copies copies snapshots into the account. Satisfied by aws.EC2.
type Copies interface {
	// OwnSnapshot reports whether a snapshot belongs to the account.
	OwnSnapshot(ctx context.Context, id string) (bool, error)
	// OwnSnapshots returns the account's snapshots that have a tag with this value, pending or completed.
	OwnSnapshots(ctx context.Context, tag, value string) ([]snapshot.Snapshot, error)
	// CopySnapshot starts a copy, and returns its ID. The region is the source's; "" is the session's region.
	CopySnapshot(ctx context.Context, id, region, description string, tags map[string]string) (string, error)
	// Snapshot returns a snapshot; snapshot.ErrNotFound if it does not exist, or is not visible yet.
	Snapshot(ctx context.Context, id string) (snapshot.Snapshot, error)
}
