package pipeline

import (
	"context"

	"image-builder/internal/image"
	"image-builder/internal/preflight"
	"image-builder/internal/secret"
	"image-builder/internal/stack"
)

// Bases turns a base reference into a disk that can be cloned. Satisfied by base.Resolver.
type Bases interface {
	Resolve(ctx context.Context, reference string) (image.Base, error)
}

// Secrets reads the secrets of a bake into memory. Satisfied by source.Secrets, which
// asks this machine's file system, S3, Secrets Manager or the parameter store.
type Secrets interface {
	Read(ctx context.Context, reference string) ([]secret.Secret, error)
}

// Objects reads a file that a recipe names by an s3:// URL. Satisfied by source.Objects.
type Objects interface {
	Object(ctx context.Context, url string) ([]byte, error)
}

// Run is a private directory for one bake, cleared when no process holds it. Satisfied by local.Run.
type Run interface {
	// Hold keeps the base's disk until Close.
	Hold(ctx context.Context, base image.Base) error
	// Commit makes the image, its output parameter and its event visible together.
	Commit(ctx context.Context, img image.Image) (image.Image, error)
	// Close lets go of the run and removes what was not committed.
	Close() error
}

// Place is where a bake works.
type Place struct {
	ID   string // of the image to be
	Dir  string // private, gone after the run unless it is committed
	Logs string // directory of the step logs; stays, so that a failed bake can be looked into
}

// Identities says who asks AWS. Satisfied by *aws.Identity.
type Identities interface {
	Caller(ctx context.Context) (preflight.Identity, error)
}

// Checks checks what a stack will rely on. Satisfied by *preflight.Checks.
type Checks interface {
	Run(ctx context.Context, caller preflight.Identity, wanted preflight.Wanted, existing stack.Stack) ([]preflight.Result, preflight.Wanted, error)
}
