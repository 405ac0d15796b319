package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// S3 reads and writes objects. A bucket may be in any region: S3 itself says which, so the caller needs permissions
// for the objects only.
type S3 struct {
	Session *Session

	mu      sync.Mutex
	clients map[string]*s3.Client // by region
	regions map[string]string     // by bucket, for buckets known to be in another region
}

// anyRegion is asked first if no region is configured: it knows every bucket of its partition.
const anyRegion = "us-east-1"

// Get opens an object. The caller closes it. The error is an fs.ErrNotExist if the object or bucket does not exist.
func (s *S3) Get(ctx context.Context, bucket, key, owner string) (body io.ReadCloser, err error) {
	err = s.in(ctx, bucket, func(client *s3.Client) error {
		reader, err := newResuming(ctx, client, s3.GetObjectInput{Bucket: &bucket, Key: &key, ExpectedBucketOwner: optional(owner)})
		if err == nil {
			body = reader
		}
		return err
	})
	if err != nil {
		return nil, s.explain(ctx, fmt.Sprintf("get s3://%s/%s", bucket, key), err)
	}

	return body, nil
}

// List returns at most limit keys that start with prefix, in order.
func (s *S3) List(ctx context.Context, bucket, prefix, owner string, limit int) (keys []string, err error) {
	err = s.in(ctx, bucket, func(client *s3.Client) error {
		keys = nil
		pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{
			Bucket: &bucket, Prefix: &prefix, ExpectedBucketOwner: optional(owner),
		})
		for pages.HasMorePages() && len(keys) < limit {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return err
			}
			for _, object := range page.Contents {
				keys = append(keys, aws.ToString(object.Key))
			}
		}

		return nil
	})
	if err != nil {
		return nil, s.explain(ctx, fmt.Sprintf("list s3://%s/%s", bucket, prefix), err)
	}

	return keys[:min(len(keys), limit)], nil
}

// Put writes an object, in parts if it is large; readers see either the whole object or none.
func (s *S3) Put(ctx context.Context, bucket, key, owner string, body io.Reader) error {
	err := s.in(ctx, bucket, func(client *s3.Client) error {
		if err := rewind(body); err != nil {
			return err
		}
		_, err := transfermanager.New(client).UploadObject(ctx, &transfermanager.UploadObjectInput{
			Bucket: &bucket, Key: &key, Body: body, ExpectedBucketOwner: optional(owner),
		})
		return err
	})
	return s.explain(ctx, fmt.Sprintf("put s3://%s/%s", bucket, key), err)
}

// rewind lets a second attempt send everything again, if the body can seek.
func rewind(body io.Reader) error {
	if seeker, ok := body.(io.Seeker); ok {
		_, err := seeker.Seek(0, io.SeekStart)
		return err
	}
	return nil
}

// in runs a call in the bucket's region: if S3 answers that the bucket is elsewhere, it runs the call again there.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingBucket.html#access-bucket-intro
func (s *S3) in(ctx context.Context, bucket string, do func(*s3.Client) error) error {
	client, err := s.client(ctx, bucket)
	if err != nil {
		return err
	}
	err = do(client)
	region := elsewhere(err)
	if region == "" || region == client.Options().Region {
		return err
	}

	s.mu.Lock()
	s.regions[bucket] = region
	s.mu.Unlock()

	client, err = s.client(ctx, bucket)
	if err != nil {
		return err
	}

	return do(client)
}

// elsewhere returns the region that S3 names in a redirect, if any.
func elsewhere(err error) string {
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) || response.Response == nil {
		return ""
	}
	return response.Response.Header.Get("X-Amz-Bucket-Region")
}

func (s *S3) client(ctx context.Context, bucket string) (*s3.Client, error) {
	cfg, err := s.Session.load(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.clients == nil {
		s.clients = map[string]*s3.Client{}
		s.regions = map[string]string{}
	}

	region := s.regions[bucket]
	if region == "" {
		region = cfg.Region
	}

	if region == "" {
		region = anyRegion
	}

	if s.clients[region] == nil {
		s.clients[region] = s3.NewFromConfig(cfg, func(o *s3.Options) {
			o.Region = region
			o.UsePathStyle = ownEndpoint()                     // other implementations seldom have a host name for each bucket
			o.DisableLogOutputChecksumValidationSkipped = true // the SDK logs objects without a checksum, which users need not know
		})
	}

	return s.clients[region], nil
}

// ownEndpoint reports whether S3 requests go to an endpoint other than AWS.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
func ownEndpoint() bool {
	return os.Getenv("AWS_ENDPOINT_URL") != "" || os.Getenv("AWS_ENDPOINT_URL_S3") != ""
}

func (s *S3) explain(ctx context.Context, what string, err error) error {
	var missing *types.NoSuchKey
	var response *smithyhttp.ResponseError
	if errors.As(err, &missing) || (errors.As(err, &response) && response.HTTPStatusCode() == http.StatusNotFound) {
		err = fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return s.Session.explain(ctx, what, err)
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
