package action

import (
	"context"
	"io"
)

// Objects are objects in buckets, as S3Download and S3Upload see them. Owner is the account that must own the
// bucket, 12 digits; empty: anyone. Satisfied by aws.S3 and local.Buckets.
type Objects interface {
	// Get opens the object. The caller closes it. The error wraps fs.ErrNotExist if there is no such object.
	Get(ctx context.Context, bucket, key, owner string) (io.ReadCloser, error)
	// List returns at most limit keys that start with prefix, in order.
	List(ctx context.Context, bucket, prefix, owner string, limit int) ([]string, error)
	// Put writes the object; it is there wholly or not at all.
	Put(ctx context.Context, bucket, key, owner string, body io.Reader) error
}
