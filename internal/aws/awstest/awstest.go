// Package awstest is an AWS account in one region, over HTTP on loopback, for tests.
//
// Requests are decoded and answers encoded by AWS's own service models (those of the pinned botocore), and both are
// checked against them: what the model does not allow is refused as AWS refuses it, and fails the test. Signatures are
// verified. CloudFormation and STS behave as AWS's documentation and recorded answers say; S3 is gofakes3.
//
// Nothing in it sleeps or waits: what takes time on AWS goes one step further each time somebody looks at it. It knows
// no IAM: whoever has the account's key may do everything. Nothing of the product imports it.
package awstest

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"image-builder/internal/venv"
)

// The account that every Cloud is.
const (
	Account   = "123456789012"
	Region    = "eu-central-1"
	accessKey = "AKIAIOSFODNN7EXAMPLE"
	secretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// Cloud is an account in a region. Its services are fields: tests set their state up and look at it.
type Cloud struct {
	Services
	S3 *S3

	test      testing.TB
	endpoints map[string]*httptest.Server // by the name in AWS_ENDPOINT_URL_<NAME>; "" is for all others
	served    map[string]*endpoint        // by model
	overlooks func(found string) bool     // what is wrong with a request and accepted: for tests of the tests

	mu         sync.Mutex
	faults     []*planned
	weather    map[string]func(*http.Request) Disturbance // by the name in AWS_ENDPOINT_URL_<NAME>
	violations []string
	calls      map[string]int // by model and operation
}

// Values are a structure or a map, keyed as the model names its members. A value is a string, bool, int64, float64,
// time.Time, []byte, []any or Values. In answers an int, []string or []Values will do as well, and nil is as if absent.
type Values = map[string]any

// Call is one request, decoded and checked.
type Call struct {
	Account, Region, Operation string
	In                         Values
}

// Service behaves like a service of AWS.
type Service interface {
	// Model is botocore's folder of the service: cloudformation, imagebuilder, ec2, ssm, logs or sts.
	Model() string
	// Operation returns what carries an operation out, or nil: then a call fails loudly. The function may be called from
	// several goroutines at once. Its error is a Fault; any other one is a fault of this server.
	Operation(name string) func(Call) (Values, error)
}

// Start gives a test an AWS of its own, which ends with it. A test at whose end Violations are left has failed.
func Start(tb testing.TB) *Cloud {
	tb.Helper()
	c := &Cloud{test: tb, endpoints: map[string]*httptest.Server{}, served: map[string]*endpoint{}, overlooks: func(string) bool { return false }, calls: map[string]int{}}
	data := modelData(tb, venv.Python(tb))
	c.S3 = newS3(c)
	c.Services = newServices(c, data, blockFile(tb))
	for _, service := range c.list() {
		c.serve(service, data)
	}

	c.listen("S3", c.S3)
	c.listen("", http.HandlerFunc(c.nobody))
	tb.Cleanup(c.end)
	return c
}

func (c *Cloud) serve(service Service, data string) {
	e := &endpoint{cloud: c, service: service, data: data}
	c.served[service.Model()] = e
	c.listen(environmentName(service.Model()), e)
}

func (c *Cloud) listen(name string, handler http.Handler) {
	c.endpoints[name] = httptest.NewServer(c.disturbed(name, handler))
}

// environmentName is a service's ID as the SDKs write it in the name of an environment variable.
func environmentName(model string) string {
	if model == "logs" {
		return "CLOUDWATCH_LOGS"
	}
	return strings.ToUpper(model)
}

// nobody answers for the services that are not here.
func (c *Cloud) nobody(w http.ResponseWriter, r *http.Request) {
	c.violate("%s %s: this service is not served: %s", r.Method, r.URL.Path, r.Header.Get("Authorization"))
	http.Error(w, "awstest: this service is not served", http.StatusNotImplemented)
}

func (c *Cloud) end() {
	for _, server := range c.endpoints {
		server.CloseClientConnections()
		server.Close()
	}
	for _, v := range c.Violations() {
		c.test.Errorf("awstest: %s", v)
	}
}

// Env returns what points a program at this account: NAME=value for endpoints, region and credentials, and no
// configuration of the machine's own.
func (c *Cloud) Env() []string {
	env := []string{
		"AWS_REGION=" + Region, "AWS_DEFAULT_REGION=" + Region, "AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey,
		"AWS_SESSION_TOKEN=", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
	}
	for _, name := range slices.Sorted(maps.Keys(c.endpoints)) {
		env = append(env, strings.TrimSuffix("AWS_ENDPOINT_URL_"+name, "_")+"="+c.endpoints[name].URL)
	}
	return env
}

// Endpoint is the URL of a service: the model's name, or s3.
func (c *Cloud) Endpoint(service string) string {
	return c.endpoints[environmentName(service)].URL
}

// Violations returns what clients sent, or this server answered, that the models do not allow. Whoever reads them has
// dealt with them: they no longer fail the test.
func (c *Cloud) Violations() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.violations
	c.violations = nil
	return found
}

func (c *Cloud) violate(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.violations = append(c.violations, fmt.Sprintf(format, args...))
}

// Calls tells how many calls of an operation were carried out so far, refused ones included.
func (c *Cloud) Calls(service, operation string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[service+"."+operation]
}

func (c *Cloud) count(service, operation string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[service+"."+operation]++
}

// Do calls an operation of a service as one service of AWS calls another: nothing is signed, faulted or counted, and of
// what is given only the names are checked.
func (c *Cloud) Do(service, operation string, in Values) (Values, error) {
	e := c.served[service]
	if e == nil {
		return nil, Fault{Code: "ServiceNotServed", Message: service + " is not served"}
	}
	do := e.service.Operation(operation)
	if do == nil {
		return nil, Fault{Code: "OperationNotServed", Message: service + "." + operation + " is not served"}
	}

	m, err := loadModel(e.data, service)
	if err != nil {
		return nil, err
	}
	in, _ = normal(in).(Values)
	for _, found := range m.check(m.input(m.Operations[operation]), in) {
		if strings.HasPrefix(found, unknownParameter) {
			return nil, Fault{Code: "ValidationError", Message: found}
		}
	}

	out, err := do(Call{Account: Account, Region: Region, Operation: operation, In: in})
	out, _ = normal(out).(Values)
	return out, err
}
