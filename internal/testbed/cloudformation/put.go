package cloudformation

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"image-builder/internal/testbed/wire"
)

// foreignTemplate is the template of a stack that this project did not make.
const foreignTemplate = `Description: a stack of another owner's
Resources:
  Topic:
    Type: AWS::SNS::Topic
`

// Put makes a stack with the resources of its template, in any status; it returns its ARN. In a status that is in
// progress it stays until a test calls Turn. A stack in ROLLBACK_COMPLETE failed at its creation, for the given
// reason, and has no resources.
func (c *Service) Put(given Stack) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.find(given.Name) != nil {
		return "", fmt.Errorf("put stack %s: there is one of that name", given.Name)
	}
	text := given.Template
	if text == "" {
		text = foreignTemplate
	}

	t, err := parseTemplate(text)
	if err != nil {
		return "", fmt.Errorf("put stack %s: %w", given.Name, err)
	}
	var parameters []any
	for name, value := range given.Parameters {
		parameters = append(parameters, wire.Values{"ParameterKey": name, "ParameterValue": value})
	}

	filled, err := c.fill(t, wire.Values{"Parameters": parameters}, nil)
	if err != nil {
		return "", fmt.Errorf("put stack %s: %w", given.Name, err)
	}
	s := c.newStack(given.Name)
	c.turn(s, "REVIEW_IN_PROGRESS", "User Initiated")

	if given.Status == "REVIEW_IN_PROGRESS" {
		return s.id, nil
	}

	if given.Status == "ROLLBACK_COMPLETE" {
		failing := slices.Sorted(maps.Keys(t.data.Section("Resources")))[0]
		c.failures = append(c.failures, &failure{failing, cmp.Or(given.Reason, "it failed"), 1, []string{creation}})
	}

	c.create(s, &changeSet{stack: s, template: t, parameters: filled, capabilities: []any{"CAPABILITY_NAMED_IAM"}})
	for s.busy() {
		c.step(s)
	}

	if s.status == "ROLLBACK_COMPLETE" && given.Status != s.status {
		return "", fmt.Errorf("put stack %s: it cannot be made: %s", given.Name, s.firstFailure())
	}

	for name, value := range given.Outputs {
		s.outputs = append(s.outputs, wire.Values{"OutputKey": name, "OutputValue": value})
	}

	if given.Status != s.status {
		c.turn(s, given.Status, given.Reason)
	}

	return s.id, nil
}

// firstFailure is the reason of the first resource that failed.
func (s *stack) firstFailure() string {
	for _, event := range s.events {
		if status := wire.Text(event, "ResourceStatus"); status == "CREATE_FAILED" {
			return wire.Text(event, "LogicalResourceId") + ": " + wire.Text(event, "ResourceStatusReason")
		}
	}
	return s.reason
}

// Turn puts a stack into a status, whatever it was doing.
func (c *Service) Turn(id, status, reason string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.find(id)
	if s == nil {
		return fmt.Errorf("turn stack %s: it is not there", id)
	}
	s.work = nil
	c.turn(s, status, reason)
	return nil
}

// Finish runs a stack's operation to its end, and returns the stack.
func (c *Service) Finish(id string) (Stack, bool) {
	c.mu.Lock()
	if s := c.find(id); s != nil {
		id = s.id
		for s.busy() {
			c.step(s)
		}
	}
	c.mu.Unlock()
	return c.Stack(id)
}
