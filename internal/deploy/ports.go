package deploy

import (
	"context"
	"io"
	"iter"

	"image-builder/internal/stack"
)

// Stacks looks at stacks and deletes them. A stack that is not there is a fs.ErrNotExist; by its ARN, one that was
// deleted is found. Events come newest first. Satisfied by *aws.CloudFormation.
type Stacks interface {
	Stack(ctx context.Context, nameOrID string) (stack.Stack, error)
	Events(ctx context.Context, id string) iter.Seq2[stack.Event, error]
	DeleteStack(ctx context.Context, id, token string) error
}

// ChangeSets makes change sets and shows them. One of that name that is there already is a fs.ErrExist when it is
// made, one that is not there a fs.ErrNotExist when it is read, and no error when it is deleted. Satisfied by
// *aws.CloudFormation.
type ChangeSets interface {
	CreateChangeSet(ctx context.Context, wanted Wanted) (id string, err error)
	ChangeSet(ctx context.Context, stackID, name string) (stack.ChangeSet, error)
	DeleteChangeSet(ctx context.Context, stackID, name string) error
}

// Waiting tells which change sets a stack has, by name. Satisfied by *aws.CloudFormation.
type Waiting interface {
	ChangeSetNames(ctx context.Context, stackID string) ([]string, error)
}

// Executor starts what a change set says. Satisfied by *aws.CloudFormation.
type Executor interface {
	ExecuteChangeSet(ctx context.Context, stackID, id, token string) error
}

// Buckets makes and removes buckets of the account that owns them. A bucket that is not there is a fs.ErrNotExist, one
// of somebody else a fs.ErrPermission. Satisfied by *aws.S3.
type Buckets interface {
	CheckBucket(ctx context.Context, bucket, owner string) error
	CreateBucket(ctx context.Context, bucket string) error
	// Withdraw removes a bucket with the objects of these keys. If it holds any other, everything stays.
	Withdraw(ctx context.Context, bucket, owner string, keys []string) error
}

// Objects writes objects. Satisfied by *aws.S3.
type Objects interface {
	Has(ctx context.Context, bucket, key, owner string) (bool, error)
	Put(ctx context.Context, bucket, key, owner string, body io.Reader) error
}

// Addresses says where CloudFormation finds an object, as an https:// URL. Satisfied by *aws.S3.
type Addresses interface {
	Address(ctx context.Context, bucket, key string) (string, error)
}

// Builds tells which images a pipeline is building, by their ARNs. Satisfied by *aws.ImageBuilder.
type Builds interface {
	Running(ctx context.Context, pipelineARN string) ([]string, error)
}
