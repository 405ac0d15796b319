package cloudformation

import "image-builder/internal/testbed/wire"

// Stack is a stack as tests see it, or as they ask Put for it.
type Stack struct {
	ID, Name, Status, Reason string
	Template                 string            // its text; blank: a template that is not this project's
	Parameters               map[string]string // missing ones have their defaults
	Outputs                  map[string]string
}

// Stack returns the stack of an ARN, or the existing one of a name.
func (c *Service) Stack(id string) (Stack, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.find(id)
	if s == nil {
		return Stack{}, false
	}

	found := Stack{ID: s.id, Name: s.name, Status: s.status, Reason: s.reason, Parameters: map[string]string{}, Outputs: map[string]string{}}
	if s.template != nil {
		found.Template = s.template.text
	}

	for _, p := range s.parameters {
		found.Parameters[p.name] = p.value
	}

	for _, output := range s.outputs {
		found.Outputs[wire.Text(output, "OutputKey")] = wire.Text(output, "OutputValue")
	}

	return found, true
}

// Resources returns the resources of a stack by logical ID.
func (c *Service) Resources(id string) []Resource {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.find(id)
	if s == nil {
		return nil
	}

	var all []Resource
	for _, r := range s.sorted() {
		all = append(all, r.public(s))
	}

	return all
}

func (r *resource) public(s *stack) Resource {
	return Resource{
		StackName: s.name, StackID: s.id, LogicalID: r.logicalID, PhysicalID: r.physicalID, Type: r.kind, Status: r.status, Properties: r.properties,
	}
}
