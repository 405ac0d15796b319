package testbed

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/middleware"

	ports "image-builder/internal/aws"

	"image-builder/internal/testbed/wire"
)

// config configures a client with the account's key that never retries.
func (c *Cloud) config(service string) aws.Config {
	return aws.Config{
		Region: wire.Region, BaseEndpoint: aws.String(c.Endpoint(service)), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(wire.AccessKey, wire.SecretKey, ""),
		APIOptions:  []func(*middleware.Stack) error{ports.PlainBodies},
	}
}

// echo is a service that answers every operation with out, and keeps the requests.
type echo struct {
	model string
	in    wire.Values
	out   wire.Values
}

func (e *echo) Model() string { return e.model }

func (e *echo) Operation(string) func(wire.Call) (wire.Values, error) {
	return func(c wire.Call) (wire.Values, error) {
		e.in = c.In
		return e.out, nil
	}
}

// startEcho starts a cloud in which one service is an echo.
func startEcho(t *testing.T, model string, out wire.Values) (*Cloud, *echo) {
	t.Helper()
	c := Start(t)
	e := &echo{model: model, out: out}
	c.serve(e)
	return c, e
}

// wantViolation takes the violations: there must be one, with this text.
func wantViolation(t *testing.T, c *Cloud, text string) {
	t.Helper()
	found := c.Violations()
	if len(found) != 1 || !strings.Contains(found[0], text) {
		t.Errorf("violations %q, want one that says %q", found, text)
	}
}

func TestModelsAreThose(t *testing.T) {
	t.Parallel()
	data := Start(t).Models()
	for service, protocol := range map[string]string{
		"cloudformation": "query", "sts": "query", "ec2": "ec2", "ssm": "json", "logs": "json", "imagebuilder": "rest-json",
	} {
		m, err := wire.LoadModel(data, service)
		if err != nil || m.Metadata.Protocol != protocol {
			t.Errorf("%s: protocol %v, %v, want %s (%s)", service, m, err, protocol, filepath.Base(data))
		}
	}
}

// Patterns are checked, except those with look-arounds (and one that is not a valid pattern in Go). The test fails on
// a new one.
func TestPatternsAreChecked(t *testing.T) {
	t.Parallel()
	data := Start(t).Models()

	for _, service := range []string{"cloudformation", "sts", "ec2", "ssm", "logs", "imagebuilder"} {
		m, err := wire.LoadModel(data, service)
		if err != nil {
			t.Fatal(err)
		}
		for name, s := range m.Shapes {
			if s.Pattern != "" && wire.Compiled(s.Pattern) == nil && !strings.Contains(s.Pattern, "(?") && name != "CloudConnectorIamRoleArn" {
				t.Errorf("%s.%s is not checked: %s", service, name, s.Pattern)
			}
		}
	}
}
