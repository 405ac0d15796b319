package component

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// Module is an action module of the component language: what a step's `action` names. Package action holds them.
type Module interface {
	// Schema describes the accepted inputs, so that a document can be checked without running it.
	Schema() Schema
	// Run performs the action. Its inputs were checked against the schema, with references resolved and defaults
	// filled in. An action that needs a reboot returns a Reboot.
	Run(ctx context.Context, call *Call) (Outputs, error)
}

// Schema describes a module's inputs and outputs.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-action-modules.html
type Schema struct {
	Action    string
	Platforms []Platform
	// List says that inputs is a list of maps, handled in order; otherwise it is one map.
	List bool
	// Bare says that inputs may be left out.
	Bare   bool
	Fields []Field
	// Check holds the rules between the fields of one element ("exactly one of commands and file"); may be nil. A
	// value with a reference reads as its text, including the braces: see HasReference.
	Check   func(Inputs) error
	Outputs []string
}

// Platform is an operating system as the service names it.
type Platform string

// The platforms of EC2 Image Builder.
const (
	Linux   Platform = "Linux"
	Windows Platform = "Windows"
	MacOS   Platform = "macOS"
)

// Kind is the type of an input.
type Kind int

// The types of inputs. Text keeps the scalar as it was written: 0755 stays "0755".
const (
	Text      Kind = iota // string
	Bool                  // true, false, also as text
	Int                   // decimal integer
	Texts                 // list of strings
	TextMap               // map of string to string
	Pairs                 // list of {name, value}
	Predicate             // a condition (Assert): the whole inputs map is the condition
	Scalars               // string, number or list of either (SetRegistry value)
)

// Field is one input of a module.
type Field struct {
	Name     string
	Kind     Kind
	Required bool
	Default  string
	OneOf    []string // the only values allowed, compared without case
	// Schemes are the possible beginnings of a URL ("s3://"). They are checked up to the first reference, so that
	// values with references are checked too. Empty: this is not a URL.
	Schemes []string
	// Check says what is wrong with a literal value; it is not called for a value with a reference. May be nil.
	Check func(text string) error
}

// Inputs are the inputs of one element: string, bool, int, []string, map[string]string, []Parameter or Condition by name.
type Inputs map[string]any

// Text returns the input as text; "" if it is absent.
func (in Inputs) Text(name string) string {
	switch value := in[name].(type) {
	case nil:
		return ""
	case string:
		return value
	case []string:
		return strings.Join(value, "\n")
	default:
		return fmt.Sprint(value)
	}
}

// Bool returns a Bool input; false if it is absent.
func (in Inputs) Bool(name string) bool {
	value, _ := in[name].(bool)
	return value
}

// Int returns an Int input; 0 if it is absent.
func (in Inputs) Int(name string) int {
	value, _ := in[name].(int)
	return value
}

// Texts returns a Texts input; nil if it is absent.
func (in Inputs) Texts(name string) []string {
	value, _ := in[name].([]string)
	return value
}

// Has reports whether the document gives the input or the schema a default.
func (in Inputs) Has(name string) bool {
	_, given := in[name]
	return given
}

// Outputs are what later steps may refer to, by output name.
type Outputs map[string]string

// Call is one execution of a module.
type Call struct {
	// Inputs has one element for a module that takes a map.
	Inputs []Inputs
	// Env is the environment of every process that the module starts.
	Env []string
	// Dir is the current directory of every process; relative paths start there.
	Dir string
	// Stdout and Stderr receive the output of processes as it comes, for the logs.
	Stdout, Stderr io.Writer
	// Log writes one line to console.log.
	Log func(format string, args ...any)
	// Nested runs another document (ExecuteDocument) inside this execution.
	Nested func(ctx context.Context, nested Nested) (Outputs, error)
}

// Nested names a document to run inside another.
type Nested struct {
	Document    string // local path or s3:// URL
	BucketOwner string
	Phases      []string // empty: all
	Parameters  []Parameter
}

// Parameter is a value given to a document's parameter.
type Parameter struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Reboot is the error of an action that asks for a reboot of the machine.
type Reboot struct {
	// Again says that the same step runs again afterwards; otherwise the next one does.
	Again bool
	Delay time.Duration
}

func (r Reboot) Error() string {
	if r.Again {
		return "reboot, then run the step again"
	}
	return "reboot, then go on with the next step"
}
