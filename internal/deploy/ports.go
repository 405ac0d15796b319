package deploy

import (
	"context"
	"io"
	"iter"

	"image-builder/internal/stack"
)

// Stacks are the stacks of one region, with their change sets and events. A stack or change set that does not exist is
// an fs.ErrNotExist. Satisfied by *aws.CloudFormation.
type Stacks interface {
	// Stack finds a stack by name or ARN. By its ARN, it also finds one that was deleted.
	Stack(ctx context.Context, nameOrID string) (stack.Stack, error)
	// Events come newest first.
	Events(ctx context.Context, id string) iter.Seq2[stack.Event, error]
	DeleteStack(ctx context.Context, id, token string) error

	// CreateChangeSet returns an fs.ErrExist if the stack has a change set of that name.
	CreateChangeSet(ctx context.Context, wanted Wanted) (id string, err error)
	ChangeSet(ctx context.Context, stackID, name string) (stack.ChangeSet, error)
	ChangeSetNames(ctx context.Context, stackID string) ([]string, error)
	// DeleteChangeSet succeeds if the change set does not exist.
	DeleteChangeSet(ctx context.Context, stackID, name string) error
	// ExecuteChangeSet starts what a change set says.
	ExecuteChangeSet(ctx context.Context, stackID, id, token string) error
}

// Buckets hold what CloudFormation and the stack's instances read. A bucket that does not exist is an fs.ErrNotExist, a
// bucket of another account an fs.ErrPermission. Satisfied by *aws.S3.
type Buckets interface {
	CheckBucket(ctx context.Context, bucket, owner string) error
	CreateBucket(ctx context.Context, bucket string) error
	// Withdraw removes a bucket with the objects of these keys. If it holds any others, everything stays.
	Withdraw(ctx context.Context, bucket, owner string, keys []string) error

	Has(ctx context.Context, bucket, key, owner string) (bool, error)
	Put(ctx context.Context, bucket, key, owner string, body io.Reader) error
	// Address returns the https:// URL at which CloudFormation finds an object.
	Address(ctx context.Context, bucket, key string) (string, error)
}

// Builds are the builds of an image pipeline. Satisfied by *aws.ImageBuilder.
type Builds interface {
	// Running returns the ARNs of the images that a pipeline is building.
	Running(ctx context.Context, pipelineARN string) ([]string, error)
}
