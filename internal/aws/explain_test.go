package aws

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"syscall"
	"testing"

	"image-builder/internal/fault"

	"github.com/aws/smithy-go"
)

// TestSaid covers AWS messages in unusual shapes.
func TestSaid(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ code, message, cause, next string }{
		"nothing":       {"InternalFailure", "UnknownError", "InternalFailure", "AWS has trouble of its own: run the same command again in a while"},
		"a wrong clock": {"SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2", "Signature expired: 1 is now earlier than 2 (SignatureDoesNotMatch)", "set this machine's clock"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := &smithy.OperationError{ServiceID: "STS", Err: &smithy.GenericAPIError{Code: test.code, Message: test.message}}
			if cause, next := why(err); cause != test.cause || next != test.next {
				t.Errorf("got %q, %q", cause, next)
			}
		})
	}

	proxy := &url.Error{URL: "https://sts", Err: &net.OpError{Op: "proxyconnect", Err: &net.OpError{Op: "dial", Err: &os.SyscallError{Err: syscall.ECONNREFUSED}}}}
	if cause, _ := why(proxy); cause != "no answer from sts: the proxy of HTTPS_PROXY: connection refused" {
		t.Error(cause)
	}
}

// TestExplain uses a server that refuses each call in its own way, and an address where no server listens.
func TestExplain(t *testing.T) {
	for name, test := range map[string]struct {
		status  int
		code    string
		want    string
		passing bool
	}{
		"forbidden":   {403, "ForbiddenException", "look at stack s: no more of that (ForbiddenException): allow the action in the IAM policy of these credentials, or use others", false},
		"throttled":   {400, "Throttling", "look at stack s: no more of that (Throttling), 2 times: wait a minute, then run the same command again", true},
		"expired":     {403, "ExpiredToken", "look at stack s: no more of that (ExpiredToken): the credentials have expired: get new ones", false},
		"their own":   {503, "ServiceUnavailable", "look at stack s: no more of that (ServiceUnavailable), 2 times: AWS has trouble of its own: run the same command again in a while", true},
		"as they say": {400, "InsufficientCapabilitiesException", "look at stack s: no more of that (InsufficientCapabilitiesException)", false},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				fmt.Fprintf(w, `<ErrorResponse><Error><Code>%s</Code><Message>no more of that</Message></Error></ErrorResponse>`, test.code)
			}))
			defer server.Close()

			t.Setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", server.URL)
			t.Setenv("AWS_MAX_ATTEMPTS", "2")
			_, err := (&CloudFormation{Session: &Session{}}).Stack(t.Context(), "s")

			var call *callError
			if !errors.As(err, &call) || err.Error() != test.want || call.Passing() != test.passing {
				t.Errorf("got %q, passing: %v; want %q", err, call.Passing(), test.want)
			}
			if class := fault.ClassOf(err); class != fault.AWSRefused {
				t.Errorf("class %d, want %d", class, fault.AWSRefused)
			}
		})
	}

	for name, test := range map[string]struct{ variable, value, want string }{
		"no such host":    {"AWS_ENDPOINT_URL_CLOUDFORMATION", "http://nowhere.invalid", "look at stack s: there is no host nowhere.invalid: check AWS_REGION, and this machine's name resolution"},
		"no listener":     {"AWS_ENDPOINT_URL_CLOUDFORMATION", "http://127.0.0.1:1", "look at stack s: no answer from 127.0.0.1:1: connection refused: check the connection, then run the same command again"},
		"a region's name": {"AWS_REGION", "eu west 1", `use AWS region "eu west 1": it is not a valid region name: set AWS_REGION to one like eu-central-1`},
		"profile":         {"AWS_PROFILE", "nobody", "find AWS profile nobody: not found: correct AWS_PROFILE, or write the profile into ~/.aws/config"},
		"configuration":   {"AWS_MAX_ATTEMPTS", "x", `read AWS configuration: invalid value AWS_MAX_ATTEMPTS=x, strconv.ParseInt: parsing "x": invalid syntax: correct it in ~/.aws/config, ~/.aws/credentials or the environment`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_MAX_ATTEMPTS", "1")
			t.Setenv(test.variable, test.value)
			if _, err := (&CloudFormation{Session: &Session{}}).Stack(t.Context(), "s"); err == nil || err.Error() != test.want {
				t.Errorf("got %v; want %s", err, test.want)
			}
		})
	}

	t.Run("no server", func(t *testing.T) {
		t.Setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", "http://127.0.0.1:1") // a port that no process is given
		t.Setenv("AWS_MAX_ATTEMPTS", "1")
		_, err := (&CloudFormation{Session: &Session{}}).Stack(t.Context(), "s")
		var call *callError
		if !errors.As(err, &call) || !call.Passing() || call.hint != "check the connection, then run the same command again" {
			t.Errorf("got %v", err)
		}
	})
}
