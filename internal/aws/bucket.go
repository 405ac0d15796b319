package aws

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// CheckBucket reports whether a bucket exists and belongs to the owner. The error is an fs.ErrNotExist if the bucket
// does not exist, an fs.ErrPermission if it belongs to another account or these credentials may not see it.
func (s *S3) CheckBucket(ctx context.Context, bucket, owner string) error {
	err := s.in(ctx, bucket, func(client *s3.Client) error {
		_, err := client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket, ExpectedBucketOwner: optional(owner)})
		return err
	})
	if statusOf(err) == http.StatusForbidden {
		err = fmt.Errorf("%w: %w", fs.ErrPermission, err)
	}
	return s.explain(ctx, "look at bucket "+bucket, err)
}

// CreateBucket makes a bucket in the session's region. A bucket that the account already owns is not an error. S3's
// defaults for new buckets are what we want: no public access, encryption.
func (s *S3) CreateBucket(ctx context.Context, bucket string) error {
	client, err := s.client(ctx, bucket)
	if err != nil {
		return err
	}
	in := &s3.CreateBucketInput{Bucket: &bucket}

	if region := client.Options().Region; region != "us-east-1" { // the default location: S3 refuses its name
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
	}

	_, err = client.CreateBucket(ctx, in)
	var own *types.BucketAlreadyOwnedByYou
	if errors.As(err, &own) {
		return nil
	}

	return s.explain(ctx, "make bucket "+bucket, err)
}

// Withdraw removes a bucket with the objects of these keys. If the bucket holds any other object, everything stays. A
// bucket that is already gone is not an error: the SDK retries when an answer is lost, and S3 has no client token for
// this call.
func (s *S3) Withdraw(ctx context.Context, bucket, owner string, keys []string) error {
	held, err := s.List(ctx, bucket, "", owner, len(keys)+1)
	if err != nil || slices.ContainsFunc(held, func(key string) bool { return !slices.Contains(keys, key) }) {
		return err
	}
	err = s.in(ctx, bucket, func(client *s3.Client) error {
		for _, key := range held {
			if _, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key, ExpectedBucketOwner: optional(owner)}); err != nil {
				return err
			}
		}
		_, err := client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket, ExpectedBucketOwner: optional(owner)})
		if statusOf(err) == http.StatusNotFound {
			return nil
		}
		return err
	})

	return s.explain(ctx, "remove bucket "+bucket, err)
}

// Has reports whether an object exists.
func (s *S3) Has(ctx context.Context, bucket, key, owner string) (bool, error) {
	err := s.in(ctx, bucket, func(client *s3.Client) error {
		_, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key, ExpectedBucketOwner: optional(owner)})
		return err
	})
	if statusOf(err) == http.StatusNotFound {
		return false, nil
	}
	return err == nil, s.explain(ctx, fmt.Sprintf("look at s3://%s/%s", bucket, key), err)
}

// Encryption returns the ARN of the KMS key that an object is encrypted with; "" for S3's own keys. The error is an
// fs.ErrNotExist if the object or bucket does not exist.
func (s *S3) Encryption(ctx context.Context, bucket, key, owner string) (arn string, err error) {
	err = s.in(ctx, bucket, func(client *s3.Client) error {
		head, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key, ExpectedBucketOwner: optional(owner)})
		if err == nil {
			arn = aws.ToString(head.SSEKMSKeyId)
		}
		return err
	})
	return arn, s.explain(ctx, fmt.Sprintf("look at s3://%s/%s", bucket, key), err)
}

// Region returns the region of a bucket. The error is an fs.ErrNotExist if it does not exist.
func (s *S3) Region(ctx context.Context, bucket, owner string) (region string, err error) {
	err = s.in(ctx, bucket, func(client *s3.Client) error {
		head, err := client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket, ExpectedBucketOwner: optional(owner)})
		if err == nil {
			region = aws.ToString(head.BucketRegion)
		}
		return err
	})
	return region, s.explain(ctx, "look at bucket "+bucket, err)
}

// Address returns an object's https:// URL in the form that CloudFormation takes. The bucket is in the path: a
// certificate for the host name would not cover a bucket with dots.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html#path-style-access
func (s *S3) Address(ctx context.Context, bucket, key string) (string, error) {
	client, err := s.client(ctx, bucket)
	if err != nil {
		return "", err
	}
	region := client.Options().Region
	suffix := "amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		suffix = "amazonaws.com.cn"
	}
	return fmt.Sprintf("https://s3.%s.%s/%s/%s", region, suffix, bucket, key), nil
}

// statusOf returns the HTTP status of a refused call; 0 if there is none.
func statusOf(err error) int {
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) || response.Response == nil {
		return 0
	}
	return response.HTTPStatusCode()
}
