// Package source says what `secrets:` and `s3://` mean: where the files, objects and values come from that a recipe or a
// document names outside its own directory.
//
// A directory may stand for a bucket; every other bucket is asked for where the caller says. Values stay in memory. The
// package knows no service: what answers is the caller's choice.
package source

import (
	"context"
	"fmt"
	"io"

	"image-builder/internal/s3uri"
	"image-builder/internal/secret"
)

// Store keeps objects. Satisfied by *aws.S3 and local.Buckets.
type Store interface {
	// Get opens an object. The caller closes it. The error wraps fs.ErrNotExist if there is no such object.
	Get(ctx context.Context, bucket, key, owner string) (io.ReadCloser, error)
	// List returns at most limit keys that start with prefix, in order.
	List(ctx context.Context, bucket, prefix, owner string, limit int) ([]string, error)
	// Put writes an object; readers see either the whole object or none.
	Put(ctx context.Context, bucket, key, owner string, body io.Reader) error
}

// Stand is what stands for buckets on this machine. Satisfied by local.Buckets.
type Stand interface {
	Store
	// StandsFor reports whether the bucket is here.
	StandsFor(bucket string) bool
}

// Objects are the buckets that something stands for here, and those of S3 for all other names. Satisfies action.Objects
// and pipeline.Objects.
type Objects struct {
	Here  Stand
	There Store
}

func (o Objects) of(bucket string) Store {
	if o.Here.StandsFor(bucket) {
		return o.Here
	}
	return o.There
}

// Get opens an object. The caller closes it.
func (o Objects) Get(ctx context.Context, bucket, key, owner string) (io.ReadCloser, error) {
	return o.of(bucket).Get(ctx, bucket, key, owner)
}

// List returns at most limit keys that start with prefix, in order.
func (o Objects) List(ctx context.Context, bucket, prefix, owner string, limit int) ([]string, error) {
	return o.of(bucket).List(ctx, bucket, prefix, owner, limit)
}

// Put writes an object.
func (o Objects) Put(ctx context.Context, bucket, key, owner string, body io.Reader) error {
	return o.of(bucket).Put(ctx, bucket, key, owner, body)
}

// Object reads an s3:// URL, of at most secret.LoadLimit bytes.
func (o Objects) Object(ctx context.Context, url string) ([]byte, error) {
	bucket, key, _ := s3uri.Split(url)
	return o.read(ctx, bucket, key)
}

func (o Objects) read(ctx context.Context, bucket, key string) ([]byte, error) {
	body, err := o.Get(ctx, bucket, key, "")
	if err != nil {
		return nil, err
	}
	defer body.Close()

	text, err := io.ReadAll(io.LimitReader(body, secret.LoadLimit+1))
	if err == nil && len(text) > secret.LoadLimit {
		err = fmt.Errorf("the object is larger than %d bytes", secret.LoadLimit)
	}

	if err != nil {
		return nil, fmt.Errorf("read s3://%s/%s: %w", bucket, key, err)
	}
	return text, nil
}
