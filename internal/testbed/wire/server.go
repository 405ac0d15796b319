// Package wire speaks the protocols of AWS's services for test servers: query, ec2, json and rest-json.
//
// A service is a plain value: it names its model and has a function for each operation that it serves, which takes
// and returns Values. This package does the rest with AWS's own service models (those of the pinned botocore): it
// verifies the signature, decodes the request, checks it against the model, and checks and encodes the answer. A
// request that breaks its model is refused as AWS refuses it, and recorded as a violation. Tests can plan faults for
// each operation.
//
// It knows no service and keeps none of their state. Nothing in it sleeps.
package wire

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// The account and region of every Server, and its only key.
const (
	Account   = "123456789012"
	Region    = "eu-central-1"
	AccessKey = "AKIAIOSFODNN7EXAMPLE"
	SecretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// Values are a structure or a map, keyed by the model's member names. A value is a string, bool, int64, float64,
// time.Time, []byte, []any or Values. Answers may also have an int, []string or []Values, and nil counts as missing.
type Values = map[string]any

// Call is one request, decoded and checked.
type Call struct {
	Account, Region, Operation string
	In                         Values
}

// Service behaves like a service of AWS.
type Service interface {
	// Model is botocore's folder of the service: cloudformation, imagebuilder, ec2, ebs, ssm, logs or sts.
	Model() string
	// Operation returns the function that carries an operation out, or nil: then a call fails loudly. Several
	// goroutines may call the function at once. It returns a Fault; any other error is a fault of this server.
	Operation(name string) func(Call) (Values, error)
}

// Server is what the services of one account share: their models, planned faults, and the record of calls.
type Server struct {
	data      string                  // botocore's
	overlooks func(found string) bool // accepted faults of requests: for tests of the tests

	mu         sync.Mutex
	served     map[string]Service // by model
	elsewhere  map[string]Service // in regions besides Region, by region and model
	faults     []*planned
	weather    map[string]func(*http.Request) Disturbance // by model
	violations []string
	calls      map[string]int // by model and operation
}

// NewServer makes a server without services. Data is the directory that FindModels returns.
func NewServer(data string) *Server {
	return &Server{data: data, overlooks: func(string) bool { return false }, served: map[string]Service{}, elsewhere: map[string]Service{}, calls: map[string]int{}}
}

// Handler serves a service, replacing one of the same model.
func (c *Server) Handler(service Service) http.Handler {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.served[service.Model()] = service
	return c.Disturbed(service.Model(), &endpoint{server: c, service: service})
}

// Serve makes a service answer calls that are signed for another region than Region, at the address of its model.
func (c *Server) Serve(region string, service Service) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.elsewhere[region+" "+service.Model()] = service
}

// in returns the service that answers calls signed for a region: the given one, which is Region's, if there is none.
func (c *Server) in(region string, home Service) (string, Service) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if service := c.elsewhere[region+" "+home.Model()]; service != nil {
		return region, service
	}
	return Region, home
}

// Service returns the service of a model, nil if there is none.
func (c *Server) Service(model string) Service {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.served[model]
}

// Models is the directory of the service models.
func (c *Server) Models() string { return c.data }

// Overlook makes the server accept requests with these faults, in the words of the check. It is for tests of the
// check. Call it before the first request.
func (c *Server) Overlook(accepted func(found string) bool) { c.overlooks = accepted }

// Violations returns the requests of clients, or answers of this server, that break the models. Reading them settles
// them: they no longer fail the test.
func (c *Server) Violations() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.violations
	c.violations = nil
	return found
}

// Violate records that a request or an answer breaks the service's model.
func (c *Server) Violate(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.violations = append(c.violations, fmt.Sprintf(format, args...))
}

// Calls returns how many calls of an operation were carried out, including refused ones.
func (c *Server) Calls(service, operation string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[service+"."+operation]
}

// Made returns the operations that were called, as SERVICE.OPERATION, in order of their names.
func (c *Server) Made() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.calls))
}

// Count counts a call of an operation.
func (c *Server) Count(service, operation string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[service+"."+operation]++
}

// Do calls an operation as one AWS service calls another: the call is not signed, disturbed or counted, and only the
// names of its members are checked.
func (c *Server) Do(service, operation string, in Values) (Values, error) {
	served := c.Service(service)
	if served == nil {
		return nil, Fault{Code: "ServiceNotServed", Message: service + " is not served"}
	}
	do := served.Operation(operation)
	if do == nil {
		return nil, Fault{Code: "OperationNotServed", Message: service + "." + operation + " is not served"}
	}

	m, err := LoadModel(c.data, service)
	if err != nil {
		return nil, err
	}
	in, _ = Normal(in).(Values)
	for _, found := range m.check(m.input(m.Operations[operation]), in) {
		if strings.HasPrefix(found, unknownParameter) {
			return nil, Fault{Code: "ValidationError", Message: found}
		}
	}

	out, err := do(Call{Account: Account, Region: Region, Operation: operation, In: in})
	out, _ = Normal(out).(Values)
	return out, err
}
