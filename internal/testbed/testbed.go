// Package testbed is an AWS account in one region, over HTTP on loopback, for tests. Start gives it to a test; Open
// starts it for any program, which Env points at it.
//
// Its services are packages beside it, over package wire, which speaks their protocols: requests are decoded and
// answers encoded by AWS's own service models, and both are checked against them. A request that breaks its model is
// refused as AWS refuses it, and fails the test. Signatures are verified.
//
// Nothing in it sleeps or waits: whatever takes time on AWS advances one step each time a client looks at it, or by
// the service's clock (Now), which a test sets before the first call. It knows no IAM: a client with the account's key
// may do everything. Nothing of the product imports it.
package testbed

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"image-builder/internal/testbed/venv"

	"image-builder/internal/testbed/ebs"
	"image-builder/internal/testbed/s3"
	"image-builder/internal/testbed/wire"
)

// Cloud is an account in a region. Its services are fields, for tests to set up and inspect.
type Cloud struct {
	*wire.Server
	Services
	S3 *s3.Service

	endpoints map[string]*httptest.Server // by the name in AWS_ENDPOINT_URL_<NAME>; "" is for all others
	blocks    *os.File                    // of snapshots
	more      []*os.File                  // of those in other regions
}

// Start gives a test an AWS account of its own, which ends with the test. Violations that are left at the end fail
// the test.
func Start(tb testing.TB) *Cloud {
	tb.Helper()
	c, err := Open(venv.Python(tb))
	if err != nil {
		tb.Fatal(err)
	}

	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Errorf("end the test server: %v", err)
		}
		for _, v := range c.Violations() {
			tb.Errorf("testbed: %s", v)
		}
	})

	return c
}

// Open starts an AWS account that serves until Close. Python is an interpreter that has botocore, whose service
// models are read.
func Open(python string) (*Cloud, error) {
	data, err := wire.FindModels(python)
	if err != nil {
		return nil, err
	}
	blocks, err := ebs.BlockFile()
	if err != nil {
		return nil, fmt.Errorf("make a file for the blocks of snapshots: %w", err)
	}

	c := &Cloud{Server: wire.NewServer(data), endpoints: map[string]*httptest.Server{}, blocks: blocks}
	c.S3 = s3.New(c.Server)
	c.Services = newServices(c.Server, data, c.S3.Get, blocks)
	for _, service := range c.list() {
		c.serve(service)
	}

	c.listen("S3", c.Disturbed("s3", c.S3))
	c.listen("", http.HandlerFunc(c.refuseUnserved))
	return c, nil
}

// Close closes all endpoints and open connections.
func (c *Cloud) Close() error {
	for _, server := range c.endpoints {
		server.CloseClientConnections()
		server.Close()
	}
	err := c.blocks.Close()
	for _, blocks := range c.more {
		err = errors.Join(err, blocks.Close())
	}
	return err
}

// serve listens for a service, replacing one of the same model.
func (c *Cloud) serve(service wire.Service) {
	name := environmentName(service.Model())
	if old := c.endpoints[name]; old != nil {
		old.Close()
	}
	c.listen(name, c.Handler(service))
}

func (c *Cloud) listen(name string, handler http.Handler) {
	c.endpoints[name] = httptest.NewServer(handler)
}

// environmentName is a service's ID as the SDKs write it in the name of an environment variable.
func environmentName(model string) string {
	if model == "logs" {
		return "CLOUDWATCH_LOGS"
	}
	return strings.ToUpper(model)
}

// refuseUnserved answers for services that do not exist here.
func (c *Cloud) refuseUnserved(w http.ResponseWriter, r *http.Request) {
	c.Violate("%s %s: this service is not served: %s", r.Method, r.URL.Path, r.Header.Get("Authorization"))
	http.Error(w, "testbed: this service is not served", http.StatusNotImplemented)
}

// Env points a program at this account: NAME=value for endpoints, region and credentials, and none of the machine's
// own configuration.
func (c *Cloud) Env() []string {
	env := []string{
		"AWS_REGION=" + wire.Region, "AWS_DEFAULT_REGION=" + wire.Region, "AWS_ACCESS_KEY_ID=" + wire.AccessKey, "AWS_SECRET_ACCESS_KEY=" + wire.SecretKey,
		"AWS_SESSION_TOKEN=", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
	}
	for _, name := range slices.Sorted(maps.Keys(c.endpoints)) {
		env = append(env, strings.TrimSuffix("AWS_ENDPOINT_URL_"+name, "_")+"="+c.endpoints[name].URL)
	}
	return env
}

// Endpoint is the URL of a service, by its model's name, or s3.
func (c *Cloud) Endpoint(service string) string {
	return c.endpoints[environmentName(service)].URL
}
