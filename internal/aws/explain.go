package aws

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"

	"image-builder/internal/fault"
)

// callError is a failed AWS call in one sentence: what was attempted, why it failed, and the next action if we know
// one. It wraps the SDK's error for errors.As.
type callError struct {
	what, cause, hint string
	err               error
}

func (e *callError) Error() string { return advised(e.Cause(), e.hint) }

// advised is a text with what to do about it.
func advised(text, hint string) string {
	if hint != "" {
		text += ": " + hint
	}
	return text
}

func (e *callError) Unwrap() error { return e.err }

// Class is that of what AWS refuses.
func (e *callError) Class() fault.Class { return fault.AWSRefused }

// Hint says what to do about it, which Error ends with; "" if that is not known.
func (e *callError) Hint() string { return e.hint }

// Passing reports whether a retry may succeed: the call was throttled, the connection broke, or AWS had an internal
// error.
func (e *callError) Passing() bool {
	var exceeded *retry.MaxAttemptsError
	return errors.As(e.err, &exceeded)
}

// Cause says what was attempted and why it failed, without the next action.
func (e *callError) Cause() string { return e.what + ": " + e.cause }

// explain wraps the error of an AWS call.
func (s *Session) explain(ctx context.Context, what string, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}

	if s.config.Credentials != nil {
		if _, absent := s.config.Credentials.Retrieve(ctx); absent != nil {
			return &callError{
				what: what, cause: "there are no AWS credentials", err: err,
				hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run on an instance with a profile",
			}
		}
	}

	cause, hint := why(err)
	return &callError{what: what, cause: cause, hint: hint, err: err}
}

// why says in a few words why a call failed, and the next action; "" if the reason already says it.
func why(err error) (cause, hint string) {
	var api smithy.APIError
	var unreached *url.Error
	var unknown *net.DNSError
	var exceeded *retry.MaxAttemptsError

	switch {
	case errors.As(err, &api):
		cause = said(api)
		hint = hintFor(api.ErrorCode(), api.ErrorMessage())
	case errors.As(err, &unknown) && unknown.IsNotFound:
		return "there is no host " + unknown.Name, "check AWS_REGION, and this machine's name resolution"
	case errors.As(err, &unreached):
		cause = "no answer from " + host(unreached.URL) + ": " + bare(unreached.Err)
		hint = "check the connection, then run the same command again"
	default:
		cause = bare(err)
	}

	if errors.As(err, &exceeded) && exceeded.Attempt > 1 {
		cause += fmt.Sprintf(", %d times", exceeded.Attempt)
	}

	return cause, hint
}

// said is AWS's message with its code; some errors have only the code.
func said(api smithy.APIError) string {
	if text := strings.TrimSpace(api.ErrorMessage()); text != "" && text != "UnknownError" {
		return fmt.Sprintf("%s (%s)", text, api.ErrorCode())
	}
	return api.ErrorCode()
}

// bare strips what the SDK and package net add about the call, the attempt and the addresses.
func bare(err error) string {
	var broken *net.OpError
	var system *os.SyscallError
	var operation *smithy.OperationError
	through := ""

	if errors.As(err, &broken) && broken.Op == "proxyconnect" {
		through = "the proxy of HTTPS_PROXY: "
	}

	switch {
	case errors.As(err, &system):
		err = system.Err
	case errors.As(err, &broken):
		err = broken.Err
	case errors.As(err, &operation):
		err = operation.Err
	}

	return through + err.Error()
}

func host(address string) string {
	if parsed, err := url.Parse(address); err == nil && parsed.Host != "" {
		return parsed.Host
	}
	return "AWS"
}

// hintFor returns the next action for an AWS error; "" if the error already says it.
func hintFor(code, message string) string {
	if strings.Contains(message, "Signature expired") || strings.Contains(message, "Signature not yet current") {
		code = "RequestTimeTooSkewed" // most services use this code for a refused signature
	}

	switch code {
	case "AccessDenied", "AccessDeniedException", "Forbidden", "ForbiddenException", "UnauthorizedOperation":
		return "allow the action in the IAM policy of these credentials, or use others"
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired":
		return "the credentials have expired: get new ones"
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSignatureException", "UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure":
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
	case "ServiceQuotaExceededException", "LimitExceededException", "LimitExceeded":
		return "wait for what is under way, or have the quota raised in Service Quotas"

	case "IncompleteSignature":
		return "check AWS_REGION"
	case "OptInRequired":
		return "enable the region for the account, or use another"
	}

	return ""
}
