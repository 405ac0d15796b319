package testbed

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"image-builder/internal/testbed/wire"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	c := Start(t)
	client := sts.NewFromConfig(c.config("sts"))
	c.Fail("sts", "GetCallerIdentity", wire.Throttled, 1)
	c.Fail("sts", "", wire.ExpiredToken, 1)
	c.Fail("sts", "", wire.Cut, 1)
	c.Fail("ssm", "", wire.Throttled, 9)

	for _, want := range []string{"Throttling", "ExpiredToken"} {
		if _, err := client.GetCallerIdentity(t.Context(), nil); code(err) != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}

	if _, err := client.GetCallerIdentity(t.Context(), nil); err == nil || code(err) != "" {
		t.Errorf("error %v, want that of a broken connection", err)
	}
	if n := c.Calls("sts", "GetCallerIdentity"); n != 0 {
		t.Errorf("%d calls were carried out, want none", n)
	}

	out, err := client.GetCallerIdentity(t.Context(), nil)
	if err != nil || *out.Account != wire.Account {
		t.Errorf("identity %+v, %v", out, err)
	}
	c.Fail("sts", "", wire.CutLate, 1)

	if _, err := client.GetCallerIdentity(t.Context(), nil); err == nil || c.Calls("sts", "GetCallerIdentity") != 2 {
		t.Errorf("error %v after %d calls, want a lost answer of the second", err, c.Calls("sts", "GetCallerIdentity"))
	}
}

// A fault can wait for some calls of any service, and two faults for different ones.
func TestFaultsThatComeLater(t *testing.T) {
	t.Parallel()
	c := Start(t)
	client := sts.NewFromConfig(c.config("sts"))
	c.FailAfter(1, "", "", wire.Throttled, 2)
	c.FailAfter(2, "sts", "GetCallerIdentity", wire.ExpiredToken, 1)

	for i, want := range []string{"", "Throttling", "Throttling", "", "ExpiredToken", ""} {
		if _, err := client.GetCallerIdentity(t.Context(), nil); code(err) != want {
			t.Errorf("call %d: error %v, want %q", i, err, want)
		}
	}
}

func TestServiceThatIsNotServed(t *testing.T) {
	t.Parallel()
	c := Start(t)
	answer, err := http.Get(c.endpoints[""].URL + "/queues")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	wantViolation(t, c, "GET /queues: this service is not served")
}

func TestOperationThatIsNotServed(t *testing.T) {
	t.Parallel()
	c := Start(t)
	if _, err := sts.NewFromConfig(c.config("sts")).GetSessionToken(t.Context(), nil); err == nil {
		t.Error("GetSessionToken was served")
	}
	wantViolation(t, c, "sts.GetSessionToken is not served")
}

// Each protocol has its own code, status and form for an error; the SDK's typed error proves them.
func TestErrorsOfServices(t *testing.T) {
	t.Parallel()
	c, _ := startEcho(t, "ssm", nil)
	c.Fail("ssm", "GetParameter", wire.Fault{Code: "ParameterNotFound", Message: "none"}, 1)
	_, err := ssm.NewFromConfig(c.config("ssm")).GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/a")})
	if code(err) != "ParameterNotFound" || !strings.Contains(err.Error(), "StatusCode: 400") || !strings.Contains(err.Error(), "RequestID: ") {
		t.Errorf("error %v", err)
	}
}

func TestS3(t *testing.T) {
	t.Parallel()
	c := Start(t)
	client := s3.NewFromConfig(c.config("s3"))
	bucket := aws.String("image-builder-123456789012-eu-central-1")

	owner := aws.String(wire.Account)
	if _, err := client.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: bucket, ExpectedBucketOwner: owner}); code(err) != "NotFound" {
		t.Errorf("error %v, want NotFound", err)
	}
	_, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{
		LocationConstraint: types.BucketLocationConstraintEuCentral1,
	}})
	if err != nil {
		t.Fatal(err)
	}

	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket}); code(err) != "BucketAlreadyOwnedByYou" {
		t.Errorf("error %v, want BucketAlreadyOwnedByYou", err)
	}
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("elsewhere")}); code(err) != "IllegalLocationConstraintException" {
		t.Errorf("error %v, want IllegalLocationConstraintException", err)
	}

	body := []byte("#!/bin/bash\n")
	_, err = client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String("a/b.sh"), Body: bytes.NewReader(body), ExpectedBucketOwner: owner})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.S3.Get(*bucket, "a/b.sh"); err != nil || !bytes.Equal(got, body) {
		t.Errorf("object %q, %v", got, err)
	}
	if keys, err := c.S3.Keys(*bucket); err != nil || len(keys) != 1 || c.Calls("s3", "PutObject") != 1 {
		t.Errorf("keys %q, %v", keys, err)
	}

	if _, err := client.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: bucket, ExpectedBucketOwner: aws.String("999999999999")}); code(err) != "Forbidden" {
		t.Errorf("error %v, want Forbidden", err)
	}
	c.Fail("s3", "PutObject", wire.CutLate, 1)

	if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String("late"), Body: bytes.NewReader(body)}); err == nil {
		t.Error("an answer that is lost has come")
	}
	if got, err := c.S3.Get(*bucket, "late"); err != nil || !bytes.Equal(got, body) {
		t.Errorf("object whose answer was lost: %q, %v", got, err)
	}

	c.Fail("s3", "HeadObject", wire.Fault{Code: "SlowDown", Status: http.StatusServiceUnavailable}, 1)
	if _, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("a/b.sh")}); err == nil {
		t.Error("a planned fault did not happen")
	}
}

func TestS3OfAnotherOwner(t *testing.T) {
	t.Parallel()
	c := Start(t)
	if err := c.S3.CreateBucket("theirs", "999999999999"); err != nil {
		t.Fatal(err)
	}
	cfg := c.config("s3")
	_, err := s3.NewFromConfig(cfg).HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("theirs")})
	if code(err) != "Forbidden" {
		t.Errorf("error %v, want Forbidden", err)
	}

	if _, err := s3.NewFromConfig(cfg).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("theirs")}); code(err) != "BucketAlreadyExists" {
		t.Errorf("error %v, want BucketAlreadyExists", err)
	}
	cfg.Region = "us-east-1"
	_, err = s3.NewFromConfig(cfg).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("theirs")})
	if code(err) != "AuthorizationHeaderMalformed" {
		t.Errorf("error %v, want AuthorizationHeaderMalformed", err)
	}
}
