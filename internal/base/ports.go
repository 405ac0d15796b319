package base

import (
	"context"

	"image-builder/internal/image"
)

// Catalog knows the bases and images that are there. Satisfied by local.Store.
type Catalog interface {
	Bases(ctx context.Context) ([]image.Base, error)
	Images(ctx context.Context) ([]image.Image, error)
}

// Parameters reads parameters of this machine. Satisfied by local.Store.
type Parameters interface {
	// Parameter returns the value of the parameter called name.
	Parameter(ctx context.Context, name string) (string, error)
}

// Run is a private directory that becomes a base. Satisfied by local.Run.
type Run interface {
	// PublishBase keeps the directory's disk.raw as a base and returns it with its new path.
	PublishBase(ctx context.Context, made image.Base) (image.Base, error)
	// Close removes what was not published.
	Close() error
}
