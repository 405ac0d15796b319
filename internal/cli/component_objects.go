package cli

import (
	"context"
	"io"

	"image-builder/internal/aws"
	"image-builder/internal/component/action"
	"image-builder/internal/local"
)

// objectStores are directories that stand for buckets, and S3 for all other buckets. Satisfies action.Objects.
type objectStores struct {
	session *aws.Session
	here    local.Buckets
	s3      *aws.S3
}

func newObjectStores(given map[string]string) (objectStores, error) {
	here, err := buckets(given)
	session := &aws.Session{}
	return objectStores{session, here, &aws.S3{Session: session}}, err
}

func (o objectStores) of(bucket string) action.Objects {
	if _, here := o.here[bucket]; here {
		return o.here
	}
	return o.s3
}

func (o objectStores) Get(ctx context.Context, bucket, key, owner string) (io.ReadCloser, error) {
	return o.of(bucket).Get(ctx, bucket, key, owner)
}

func (o objectStores) List(ctx context.Context, bucket, prefix, owner string, limit int) ([]string, error) {
	return o.of(bucket).List(ctx, bucket, prefix, owner, limit)
}

func (o objectStores) Put(ctx context.Context, bucket, key, owner string, body io.Reader) error {
	return o.of(bucket).Put(ctx, bucket, key, owner, body)
}
