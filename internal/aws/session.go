// Package aws answers the project's ports with AWS, one type a service: S3, CloudFormation, ImageBuilder, EC2, EBS,
// Topics (SNS), Logs, Parameters (SSM Parameter Store), Secrets (Secrets Manager), Identity (STS) and Credentials.
//
// It is the only package of the product that imports the AWS SDK. Region, credentials, endpoint (AWS_ENDPOINT_URL)
// and retries come from the SDK's default chain. It loads nothing and makes no request before a port is first used,
// so commands that never touch AWS start without delay. Errors say what to do next. The package decides nothing and
// keeps nothing on disk.
package aws

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"sync"
	"time"

	"image-builder/internal/fault"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
)

// Session holds what the ports share: region, endpoint and credentials. The zero Session uses the default chain.
type Session struct {
	// Region overrides the default chain; empty uses the chain's.
	Region string

	once   sync.Once
	config aws.Config
	err    error
}

// NewSession returns a session that uses the given configuration instead of the default chain.
func NewSession(cfg aws.Config) *Session {
	cfg.Retryer = newRetryer
	cfg.APIOptions = append(cfg.APIOptions, PlainBodies)
	s := &Session{config: cfg}
	s.once.Do(func() {})
	return s
}

// metadataPatience bounds the request for the region to the instance metadata service: outside EC2 it gets no answer.
const metadataPatience = 2 * time.Second

// load reads the configuration on first use.
func (s *Session) load(ctx context.Context) (aws.Config, error) {
	s.once.Do(func() {
		s.config, s.err = config.LoadDefaultConfig(context.WithoutCancel(ctx), config.WithRetryer(newRetryer),
			config.WithAPIOptions([]func(*middleware.Stack) error{PlainBodies}),
			config.WithLogger(logging.Nop{})) // the SDK would also log errors that a retry got past
		if s.err != nil {
			s.err = misconfigured(s.err)
			return
		}

		if s.Region != "" {
			s.config.Region = s.Region
		}

		if s.config.Region == "" {
			s.config.Region = instanceRegion(ctx, s.config)
		}
	})

	return s.config, s.err
}

// misconfigured says what is wrong with the configuration, and where to correct it.
func misconfigured(err error) error {
	var unknown config.SharedConfigProfileNotExistError
	if errors.As(err, &unknown) {
		return fault.Full(fault.AWSRefused,
			fmt.Errorf("find AWS profile %s: not found", unknown.Profile),
			"correct AWS_PROFILE, or write the profile into ~/.aws/config")
	}
	return fault.Full(fault.AWSRefused, fmt.Errorf("read AWS configuration: %w", err), "correct it in ~/.aws/config, ~/.aws/credentials or the environment")
}

func newRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts()
		o.RateLimiter = ratelimit.None // a bake makes few calls, so bursts of retries do no harm
	})
}

// attempts is the most that a call is tried: AWS_MAX_ATTEMPTS, as in other programs.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
func attempts() int {
	if n, err := strconv.Atoi(os.Getenv("AWS_MAX_ATTEMPTS")); err == nil && n > 0 {
		return n
	}
	return 5
}

// instanceRegion asks the instance metadata service for the region, as the executor on an instance does; "" outside
// EC2.
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

// regional is load for regional services.
func (s *Session) regional(ctx context.Context) (aws.Config, error) {
	cfg, err := s.load(ctx)
	switch {
	case err != nil:
	case cfg.Region == "":
		err = fault.Full(fault.AWSRefused, errors.New("find AWS region: none is set"), "set AWS_REGION, or region in ~/.aws/config")
	case !regionName.MatchString(cfg.Region):
		err = fault.Full(fault.AWSRefused, fmt.Errorf("use AWS region %q: it is not a valid region name", cfg.Region), "set AWS_REGION to one like eu-central-1")
	}
	return cfg, err
}

// regionName matches text that can be part of a host name.
var regionName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
