package action

import (
	"context"
	"io"
)

// Objects reads and writes objects in buckets, for S3Download and S3Upload. Owner is the account that must own the
// bucket, 12 digits; empty: any. Satisfied by aws.S3 and local.Buckets.
type Objects interface {
	// Get opens the object. The caller closes it. The error wraps fs.ErrNotExist if there is no such object.
	Get(ctx context.Context, bucket, key, owner string) (io.ReadCloser, error)
	// List returns at most limit keys that start with prefix, in order.
	List(ctx context.Context, bucket, prefix, owner string, limit int) ([]string, error)
	// Put writes the object; readers see either the whole object or none.
	Put(ctx context.Context, bucket, key, owner string, body io.Reader) error
}
