package action

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"image-builder/internal/s3uri"
)

// largestDocument is the largest document that is read at all, in bytes: far more than the service takes, see
// component.Check.
const largestDocument = 1 << 20

// Library opens documents by the names that `run` and ExecuteDocument take. It is a component.Library.
type Library struct{ Objects Objects }

// Document reads a local file or an s3:// URL. If bucketOwner is not empty, it must own the bucket.
func (l Library) Document(ctx context.Context, location, bucketOwner string) (text []byte, err error) {
	var body io.ReadCloser
	switch {
	case strings.HasPrefix(location, "arn:"):
		return nil, fmt.Errorf("open document %s: components of an account cannot be read here: save the document to a file and name the file", location)
	case s3uri.Is(location):
		bucket, key, err := parseObjectURL(location)
		if err != nil {
			return nil, fmt.Errorf("open document: %w: write s3://bucket/key", err)
		}
		body, err = l.Objects.Get(ctx, bucket, key, bucketOwner)
		if err != nil {
			return nil, fmt.Errorf("open document: %w", err)
		}

	default:
		body, err = os.Open(location)
		if err != nil {
			return nil, fmt.Errorf("open document: %w", err)
		}
	}
	defer func() { err = errors.Join(err, body.Close()) }()

	text, err = io.ReadAll(io.LimitReader(body, largestDocument+1))
	if err == nil && len(text) > largestDocument {
		err = fmt.Errorf("it has more than %d bytes, the limit of a component document", largestDocument)
	}

	if err != nil {
		return nil, fmt.Errorf("read document %s: %w", location, err)
	}
	return text, nil
}
