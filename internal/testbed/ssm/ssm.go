// Package ssm is a test server's Parameter Store. As in the service, the validation of AMI IDs takes a while. It has
// no labels, policies or sharing.
package ssm

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/wire"
)

// Service is the Parameter Store of Systems Manager: plain parameters and their versions, no labels, policies or sharing.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/Welcome.html
type Service struct {
	wire.Home
	ec2 *ec2.Service // knows the AMIs

	// pageSize is the length of a page; 0: the service's own.
	pageSize int64

	mu         sync.Mutex
	parameters map[string]*parameter
}

// Parameter is the state of a parameter.
type Parameter struct {
	Name        string
	Type        string // String (if blank), StringList or SecureString
	DataType    string // text (if blank) or aws:ec2:image
	Value       string
	Description string
	Tier        string // Standard if blank
	Version     int64
	Modified    time.Time
}

// parameter has its versions, and values that are still being validated.
type parameter struct {
	versions []Parameter // oldest first; none before the first validation has ended
	pending  []Parameter // written, not validated: each look at the parameter settles one
	tags     map[string]string
}

// New returns the service without a parameter.
func New(where wire.Home, ec2 *ec2.Service) *Service {
	return &Service{Home: where, ec2: ec2, parameters: map[string]*parameter{}}
}

// SetPageSize makes lists come in pages of n; 0: the service's own size.
func (s *Service) SetPageSize(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pageSize = n
}

// Model names the model.
func (s *Service) Model() string { return "ssm" }

// Operation returns what is served.
func (s *Service) Operation(name string) func(wire.Call) (wire.Values, error) {
	return map[string]func(wire.Call) (wire.Values, error){
		"PutParameter":           s.PutParameter,
		"GetParameter":           s.getParameter,
		"GetParameters":          s.getParameters,
		"GetParametersByPath":    s.getParametersByPath,
		"DescribeParameters":     s.describeParameters,
		"DeleteParameter":        s.deleteParameter,
		"ListTagsForResource":    s.listTags,
		"AddTagsToResource":      s.addTags,
		"RemoveTagsFromResource": s.removeTags,
	}[name]
}

// Put sets a parameter at once, without any check: for AWS's own parameters (/aws/service/…) and for invalid ones.
func (s *Service) Put(p Parameter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry := s.entry(p.Name)
	p.Type, p.DataType, p.Tier = cmp.Or(p.Type, "String"), cmp.Or(p.DataType, "text"), cmp.Or(p.Tier, "Standard")
	entry.versions = append(entry.versions, s.stamped(entry, p))
}

// Parameter returns a parameter; it first settles pending validations.
func (s *Service) Parameter(name string) (Parameter, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry := s.parameters[name]
	if entry == nil {
		return Parameter{}, false
	}
	for len(entry.pending) > 0 {
		s.settle(entry)
	}
	return entry.newest()
}

// Value returns the value of a parameter, "" if there is none.
func (s *Service) Value(name string) string {
	p, _ := s.Parameter(name)
	return p.Value
}

// Remove removes a parameter, as another user would.
func (s *Service) Remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.parameters, name)
}

func (s *Service) entry(name string) *parameter {
	if s.parameters[name] == nil {
		s.parameters[name] = &parameter{}
	}
	return s.parameters[name]
}

func (e *parameter) newest() (Parameter, bool) {
	if len(e.versions) == 0 {
		return Parameter{}, false
	}
	return e.versions[len(e.versions)-1], true
}

func (s *Service) stamped(e *parameter, p Parameter) Parameter {
	last, _ := e.newest()
	p.Version = last.Version + 1
	p.Modified = s.Now()
	return p
}

// settle ends the oldest validation: the value is there if the AMI exists, else it was never written, which only an
// event reports. https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html
func (s *Service) settle(e *parameter) {
	p := e.pending[0]
	e.pending = e.pending[1:]
	if ami, ok := s.ec2.AMI(p.Value); ok && ami.State == "available" && (ami.Owner == s.Number || ami.Public) {
		e.versions = append(e.versions, s.stamped(e, p))
	}
}

// look returns a parameter as a call finds it now. A value that is being validated becomes visible at the next look,
// not at this one.
func (s *Service) look(name string) (Parameter, bool) {
	e := s.parameters[name]
	if e == nil {
		return Parameter{}, false
	}
	p, ok := e.newest()
	if len(e.pending) > 0 {
		s.settle(e)
	}
	return p, ok
}

// plainName takes the name from a call's reference to a parameter: a name or an ARN, with a version after a colon.
func (s *Service) plainName(text string) (name, selector string) {
	if _, resource, ok := strings.Cut(text, ":parameter/"); ok && strings.HasPrefix(text, "arn:") {
		text = resource
		if _, known := s.parameters[strings.Split(text, ":")[0]]; !known {
			text = "/" + text
		}
	}
	name, selector, _ = strings.Cut(text, ":")
	return name, selector
}

// find returns the version of a parameter that a call names.
func (s *Service) find(text string) (Parameter, error) {
	name, selector := s.plainName(text)
	p, ok := s.look(name)
	if !ok {
		return Parameter{}, wire.Fault{Code: "ParameterNotFound"} // the service gives no message
	}
	if selector == "" {
		return p, nil
	}

	versions := s.parameters[name].versions
	i := slices.IndexFunc(versions, func(p Parameter) bool { return fmt.Sprint(p.Version) == selector })
	if i < 0 {
		return Parameter{}, wire.Fault{Code: "ParameterVersionNotFound", Message: "Systems Manager could not find version " + selector + " of " + name + "."}
	}

	return versions[i], nil
}

func (s *Service) encode(p Parameter) wire.Values {
	return wire.Values{
		"Name": p.Name, "Type": p.Type, "Value": p.Value, "Version": p.Version, "LastModifiedDate": p.Modified,
		"ARN": s.ARN("ssm", "parameter/"+strings.TrimPrefix(p.Name, "/")), "DataType": p.DataType,
	}
}

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
func (s *Service) getParameter(call wire.Call) (wire.Values, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.find(wire.Text(call.In, "Name"))
	if err != nil {
		return nil, err
	}
	return wire.Values{"Parameter": s.shown(call, p)}, nil
}

// shown is a parameter as a call may see it: without WithDecryption, a SecureString's value is encrypted.
func (s *Service) shown(call wire.Call, p Parameter) wire.Values {
	if p.Type == "SecureString" && !wire.Truth(call.In, "WithDecryption") {
		p.Value = "AQICAHh" + wire.UUID("", p.Value)
	}
	return s.encode(p)
}

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
func (s *Service) getParameters(call wire.Call) (wire.Values, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []any{}

	invalid := []any{}
	for _, name := range wire.List[string](call.In, "Names") {
		if p, err := s.find(name); err == nil {
			found = append(found, s.shown(call, p))
		} else {
			invalid = append(invalid, name)
		}
	}

	return wire.Values{"Parameters": found, "InvalidParameters": invalid}, nil
}

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html
func (s *Service) deleteParameter(call wire.Call) (wire.Values, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := wire.Text(call.In, "Name")
	if _, ok := s.look(name); !ok {
		return nil, wire.Fault{Code: "ParameterNotFound"}
	}
	delete(s.parameters, name)
	return wire.Values{}, nil
}
