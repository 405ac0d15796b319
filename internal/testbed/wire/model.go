package wire

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// model is a service's model in botocore's form: its operations, and the shapes of their inputs and outputs.
// https://smithy.io/2.0/aws/protocols/index.html describes the protocols.
type model struct {
	Metadata struct {
		Protocol, TargetPrefix, XMLNamespace, SigningName, EndpointPrefix string
	}
	Operations map[string]*operation
	Shapes     map[string]*shape
}

type operation struct {
	Name string
	HTTP struct {
		Method, RequestURI string
		ResponseCode       int
	}
	Input, Output *struct{ Shape, ResultWrapper string }
}

type shape struct {
	Type               string
	Members            map[string]*member
	Required, Enum     []string
	Pattern            string
	Min, Max           *float64
	Member, Key, Value *member
	Payload            string // the member that is the body itself
	Error              *struct {
		Code           string
		HTTPStatusCode int
	}
}

// member is a reference to a shape, and its name on the wire.
type member struct {
	Shape, LocationName, Location, QueryName string
}

// FindModels returns the directory of botocore's service models beside a Python interpreter.
func FindModels(python string) (string, error) {
	found, err := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(python)), "lib", "python*", "site-packages", "botocore", "data"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("find botocore's service models beside %s: want one directory, found %q", python, found)
	}
	return found[0], nil
}

// models caches models by file: a model takes long to read, and never changes.
var models sync.Map

// LoadModel reads the newest model of a service below botocore's data directory.
func LoadModel(data, service string) (*model, error) {
	versions, err := filepath.Glob(filepath.Join(data, service, "*", "service-2.json.gz"))
	if err != nil {
		return nil, fmt.Errorf("find the model of %s: %w", service, err)
	}
	if len(versions) == 0 {
		return nil, fmt.Errorf("find the model of %s: there is none in %s", service, data)
	}
	newest := slices.Max(versions)
	load, _ := models.LoadOrStore(newest, sync.OnceValues(func() (*model, error) { return readModel(newest) }))
	return load.(func() (*model, error))()
}

func readModel(path string) (*model, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()

	text, err := gzip.NewReader(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	m := &model{}
	if err := json.NewDecoder(text).Decode(m); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}

	if s := m.Shapes["InstanceType"]; s != nil {
		s.Enum = nil // new ones come every month: EC2 itself says which it knows
	}

	m.amend()
	return m, nil
}

// amend adds values that AWS returns although its model lacks them: CloudFormation's events also have stacks'
// statuses, as its recorded answers show.
func (m *model) amend() {
	events := m.Shapes["ResourceStatus"]
	stacks := m.Shapes["StackStatus"]
	if m.Metadata.EndpointPrefix == "cloudformation" && events != nil && stacks != nil {
		events.Enum = append(events.Enum, stacks.Enum...)
	}
}

// input is the shape of an operation's request; an operation without one takes an empty structure.
func (m *model) input(op *operation) *shape {
	if op.Input == nil {
		return &shape{Type: "structure"}
	}
	return m.Shapes[op.Input.Shape]
}

func (m *model) output(op *operation) *shape {
	if op.Output == nil {
		return &shape{Type: "structure"}
	}
	return m.Shapes[op.Output.Shape]
}

// status is the HTTP status of an error by its code on the wire.
func (m *model) status(code string) int {
	for name, s := range m.Shapes {
		if s.Error != nil && s.Error.HTTPStatusCode != 0 && (s.Error.Code == code || name == code) {
			return s.Error.HTTPStatusCode
		}
	}
	return 400
}

// scope is the service's name in a signature.
func (m *model) scope() string {
	if m.Metadata.SigningName != "" {
		return m.Metadata.SigningName
	}
	return m.Metadata.EndpointPrefix
}
