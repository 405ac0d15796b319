package aws

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// resumptions is how often in a row the body of an object is asked for again without a byte coming.
const resumptions = 4

// resuming reads the body of an object; where a connection breaks it goes on from there with another. The SDK retries
// requests, but not bodies.
type resuming struct {
	ctx    context.Context
	client *s3.Client
	in     s3.GetObjectInput
	body   io.ReadCloser
	offset int64
	failed int
}

func newResuming(ctx context.Context, client *s3.Client, in s3.GetObjectInput) (*resuming, error) {
	out, err := client.GetObject(ctx, &in)
	if err != nil {
		return nil, err
	}
	in.IfMatch = out.ETag // what is read on from must be the same object
	return &resuming{ctx: ctx, client: client, in: in, body: out.Body}, nil
}

func (r *resuming) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	r.offset += int64(n)

	if n > 0 {
		r.failed = 0
	}

	if err == nil || (errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)) || r.ctx.Err() != nil {
		return n, err
	}
	r.failed++
	if r.failed > resumptions {
		return n, fmt.Errorf("read s3://%s/%s: %w", aws.ToString(r.in.Bucket), aws.ToString(r.in.Key), err)
	}

	return n, r.again(err)
}

// again replaces the body by one that starts where the last one broke.
func (r *resuming) again(cause error) error {
	in := r.in
	in.Range = aws.String(fmt.Sprintf("bytes=%d-", r.offset))
	out, err := r.client.GetObject(r.ctx, &in)
	if err != nil {
		return errors.Join(cause, err)
	}
	_ = r.body.Close() // it is broken
	r.body = out.Body
	return nil
}

func (r *resuming) Close() error { return r.body.Close() }
