package intrinsic

// Scope is what a template's functions refer to: the parameters' values, and a stack that exists or will exist.
type Scope struct {
	Template  Template
	Values    map[string]any // of parameters: a text, or a list of texts
	Pseudo    map[string]any // of pseudo parameters but AWS::NoValue
	Physical  func(resource string) (any, error)
	Attribute func(resource, attribute string) (any, error)
	Unknown   string // stands for a value that is still unknown: a function of it yields it
}

func (s Scope) deployment() *deployment {
	return &deployment{scope: s, template: s.Template, values: s.Values}
}

// Value evaluates the functions in a value. The value is nil for AWS::NoValue.
func (s Scope) Value(v any) (any, error) {
	value, err := s.deployment().value(v)
	if value == (nothing{}) {
		return nil, err
	}
	return value, err
}

// Exists reports whether a resource is in the template and its condition holds.
func (s Scope) Exists(resource string) bool { return s.deployment().exists(resource) }

// Holds evaluates a condition.
func (s Scope) Holds(condition any) (bool, error) { return s.deployment().truth(condition) }

// Rules returns an assertion of the template's rules that does not hold.
func (s Scope) Rules() error { return s.deployment().rules() }
