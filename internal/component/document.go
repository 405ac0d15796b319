package component

import "image-builder/internal/finding"

// Document is a component document as written, with the place of every value.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-use-documents.html
type Document struct {
	File                             string
	Name, Description, SchemaVersion Literal
	Parameters, Constants            []Variable
	Phases                           []*Phase

	source *source
	// faults are the findings of Parse: a document with errors does not run.
	faults finding.List
	// looseNames and looseSteps say that a declaration or a step could not be read. A reference to an unknown name
	// may mean that one, so it is not reported.
	looseNames, looseSteps bool
}

// Variable is a declared parameter or constant.
type Variable struct {
	Name, Type, Description Literal
	// Default is a parameter's default or a constant's value; Given is true if there is one.
	Default  Literal
	Given    bool
	Constant bool
	// Allowed lists the only values that the parameter takes; empty: any.
	Allowed []Literal
}

// Phase is a named list of steps.
type Phase struct {
	Name  Literal
	Steps []*Step
	At    finding.Position
}

// OnFailure says what happens after a step failed in all its attempts.
type OnFailure string

// After a failed step either nothing more runs; or the rest runs and the run fails; or the rest runs and the run
// succeeds.
const (
	Abort    OnFailure = "Abort"
	Continue OnFailure = "Continue"
	Ignore   OnFailure = "Ignore"
)

// Step is one use of an action module.
type Step struct {
	Name, Action Literal
	// Inputs is nil if the step has none.
	Inputs    *Value
	OnFailure OnFailure
	// Timeout of an attempt in seconds; -1 means none. MaxAttempts includes the first attempt.
	Timeout, MaxAttempts int
	DisableLogging       bool
	Loop                 *Loop
	If                   *Condition
	At                   finding.Position

	timeoutGiven, attemptsGiven Literal
	// strayInputs says that inputs is missing, and that the step's unknown keys may belong below it.
	strayInputs bool
}

// Loop repeats a step.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-looping-constructs.html
type Loop struct {
	Name Literal
	For  *For
	// Each holds the items of a forEach list; List is the text of a delimited one, split at Delimiter.
	Each      []*Value
	List      *Value
	Delimiter string
	At        finding.Position
}

// For counts from Start to End, both included.
type For struct {
	Start, End, UpdateBy int64
}

// Source returns the parsed text.
func (d *Document) Source() string { return d.source.text }

// Locate returns the place in the file of the byte at an offset of a scalar's text.
func (d *Document) Locate(v *Value, offset int) finding.Position { return d.source.locate(v, offset) }

// Steps calls visit for every step in document order.
func (d *Document) Steps(visit func(*Phase, *Step)) {
	for _, phase := range d.Phases {
		for _, step := range phase.Steps {
			visit(phase, step)
		}
	}
}

// variables returns the declared parameters and constants by name.
func (d *Document) variables() map[string]Variable {
	variables := make(map[string]Variable, len(d.Parameters)+len(d.Constants))
	for _, list := range [][]Variable{d.Constants, d.Parameters} {
		for _, v := range list {
			variables[v.Name.Value] = v
		}
	}
	return variables
}
