// Package aws answers the project's ports with AWS, one file per port: S3, Parameters (SSM Parameter Store), Secrets
// (Secrets Manager) and Credentials.
//
// It is the only package that imports the AWS SDK. Region, credentials, endpoint (AWS_ENDPOINT_URL) and retries are
// the SDK's own default chain. Nothing is loaded and no request is made before a port is first asked, so commands that
// never touch AWS start as if it were not there. Errors say what to do next. The package decides nothing and keeps
// nothing on disk.
package aws

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/smithy-go"
)

// Session holds what the ports share: where AWS is and who asks. The zero Session uses the default chain.
type Session struct {
	once   sync.Once
	config aws.Config
	err    error
}

// metadataPatience bounds how long the instance metadata service is asked for the region: off EC2 nobody answers.
const metadataPatience = 2 * time.Second

// load reads the configuration when it is first needed.
func (s *Session) load(ctx context.Context) (aws.Config, error) {
	s.once.Do(func() {
		s.config, s.err = config.LoadDefaultConfig(context.WithoutCancel(ctx), config.WithRetryer(newRetryer))
		if s.err != nil {
			s.err = fmt.Errorf("read AWS configuration: %w", s.err)
			return
		}
		if s.config.Region == "" {
			s.config.Region = instanceRegion(ctx, s.config)
		}
	})
	return s.config, s.err
}

func newRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = 5
		o.RateLimiter = ratelimit.None // a bake makes few calls: bursts of retries are no danger
	})
}

// instanceRegion asks the instance where it is, as the executor on an instance does; "" elsewhere.
func instanceRegion(ctx context.Context, cfg aws.Config) string {
	if os.Getenv("AWS_EC2_METADATA_DISABLED") == "true" {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, metadataPatience)
	defer cancel()
	out, err := imds.NewFromConfig(cfg).GetRegion(ctx, &imds.GetRegionInput{})
	if err != nil {
		return ""
	}
	return out.Region
}

// regional is load for services that are of one region.
func (s *Session) regional(ctx context.Context) (aws.Config, error) {
	cfg, err := s.load(ctx)
	if err == nil && cfg.Region == "" {
		err = errors.New("find AWS region: there is none: set AWS_REGION, or region in ~/.aws/config")
	}
	return cfg, err
}

// explain wraps the error of a call to AWS: what was attempted, and what to do about it where that is known.
func (s *Session) explain(ctx context.Context, what string, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	if s.config.Credentials != nil {
		if _, absent := s.config.Credentials.Retrieve(ctx); absent != nil {
			return fmt.Errorf("%s: there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run on an instance with a profile: %w", what, err)
		}
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return fmt.Errorf("%s: %w", what, err)
	}
	if next := advice(api.ErrorCode()); next != "" {
		return fmt.Errorf("%s: %w: %s", what, err, next)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// advice says what to do about an error of AWS; "" if it says that itself.
func advice(code string) string {
	switch code {
	case "AccessDenied", "AccessDeniedException", "Forbidden":
		return "allow the action in the IAM policy of these credentials, or use others"
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired":
		return "the credentials have expired: get new ones"
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "UnrecognizedClientException", "InvalidClientTokenId":
		return "the credentials are not valid: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
	case "NoSuchBucket":
		return "check the bucket's name, or give a directory for it with --bucket NAME=DIR"
	case "ParameterNotFound":
		return "check its name and the region"
	case "RequestTimeTooSkewed":
		return "set this machine's clock"
	}
	return ""
}
