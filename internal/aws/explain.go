package aws

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
)

// ConfigError says that this machine's AWS configuration cannot be used: no region, an unknown profile.
type ConfigError struct{ Err error }

func (e *ConfigError) Error() string { return e.Err.Error() }

func (e *ConfigError) Unwrap() error { return e.Err }

// callError is a call to AWS that was not answered as asked, in one sentence: what was attempted, why not, and what to
// do about it where that is known. What the SDK says is behind it, for errors.As.
type callError struct {
	what, cause, next string
	err               error
}

func (e *callError) Error() string {
	text := e.Cause()
	if e.next != "" {
		text += ": " + e.next
	}
	return text
}

func (e *callError) Unwrap() error { return e.err }

// Passing tells whether the same call may be answered in a while: it was throttled, the connection broke, or AWS had
// trouble of its own.
func (e *callError) Passing() bool {
	var exceeded *retry.MaxAttemptsError
	return errors.As(e.err, &exceeded)
}

// Cause says what was attempted and why it was not answered as asked, without what to do about it.
func (e *callError) Cause() string { return e.what + ": " + e.cause }

// explain wraps the error of a call to AWS.
func (s *Session) explain(ctx context.Context, what string, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	if s.config.Credentials != nil {
		if _, absent := s.config.Credentials.Retrieve(ctx); absent != nil {
			return &callError{
				what: what, cause: "there are no AWS credentials", err: err,
				next: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run on an instance with a profile",
			}
		}
	}
	cause, next := why(err)
	return &callError{what: what, cause: cause, next: next, err: err}
}

// why says in a few words why a call failed, and what to do about it; "" if it says that itself.
func why(err error) (cause, next string) {
	var api smithy.APIError
	var unreached *url.Error
	var exceeded *retry.MaxAttemptsError
	switch {
	case errors.As(err, &api):
		cause, next = api.ErrorCode(), advice(api.ErrorCode())
		if said := api.ErrorMessage(); said != "" {
			cause = fmt.Sprintf("%s (%s)", said, cause)
		}
	case errors.As(err, &unreached):
		cause, next = "no answer from "+host(unreached.URL)+": "+unreached.Err.Error(), "check the connection, then run the same command again"
	default:
		cause = err.Error()
	}
	if errors.As(err, &exceeded) && exceeded.Attempt > 1 {
		cause += fmt.Sprintf(", %d times", exceeded.Attempt)
	}
	return cause, next
}

func host(address string) string {
	if parsed, err := url.Parse(address); err == nil && parsed.Host != "" {
		return parsed.Host
	}
	return "AWS"
}

// advice says what to do about an error of AWS; "" if it says that itself.
func advice(code string) string {
	switch code {
	case "AccessDenied", "AccessDeniedException", "Forbidden", "UnauthorizedOperation":
		return "allow the action in the IAM policy of these credentials, or use others"
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired":
		return "the credentials have expired: get new ones"
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure":
		return "the credentials are not valid: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
	case "NoSuchBucket":
		return "check the bucket's name, or give a directory for it with --bucket NAME=DIR"
	case "NoSuchKey":
		return "there is no such object: check the key"
	case "ParameterNotFound":
		return "check its name and the region"
	case "RequestTimeTooSkewed":
		return "set this machine's clock"
	case "Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "TooManyRequestsException", "SlowDown", "RequestThrottled":
		return "wait a minute, then run the same command again"
	case "InternalFailure", "InternalError", "ServiceUnavailable", "InternalServerError":
		return "AWS has trouble of its own: run the same command again in a while"
	case "InvalidChangeSetStatus":
		return "the stack was changed meanwhile: run the same command again"
	case "OperationAborted":
		return "S3 is still busy with that bucket: run the same command again in a minute"
	case "OptInRequired":
		return "enable the region for the account, or use another"
	}
	return ""
}
