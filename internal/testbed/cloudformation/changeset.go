package cloudformation

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"image-builder/internal/testbed/wire"
)

// changeSet is a change set; a deleted one is no longer listed with its stack.
type changeSet struct {
	id, name, kind, status, reason, execution, description, token, onFailure string
	created                                                                  time.Time
	stack                                                                    *stack
	template                                                                 *template
	parameters                                                               []parameterValue
	capabilities, notifications, tags                                        []any
	changes                                                                  *delta
	delayed                                                                  int // descriptions in CREATE_IN_PROGRESS
}

const noChanges = "The submitted information didn't contain changes. Submit different information to create a change set."

func (c *Service) createChangeSet(call wire.Call) (wire.Values, error) {
	name := wire.Text(call.In, "ChangeSetName")
	kind := cmp.Or(wire.Text(call.In, "ChangeSetType"), "UPDATE")

	s := c.find(wire.Text(call.In, "StackName"))
	if s != nil {
		if same := s.changeSet(name); same != nil && same.token != "" && same.token == wire.Text(call.In, "ClientToken") {
			return wire.Values{"Id": same.id, "StackId": s.id}, nil
		}
	}

	if err := changeable(s, kind, wire.Text(call.In, "StackName"), name); err != nil {
		return nil, err
	}
	cs, err := c.read(call.In, s)
	if err != nil {
		return nil, err
	}

	if s == nil {
		s = c.newStack(wire.Text(call.In, "StackName"))
		c.turn(s, "REVIEW_IN_PROGRESS", "User Initiated")
	}

	if same := s.changeSet(name); same != nil {
		if !strings.HasPrefix(same.execution, "EXECUTE_") {
			return nil, same.mismatch(cs)
		}
		s.drop(same)
	}

	cs.id = c.arn("changeSet", name)
	cs.name = name
	cs.kind = kind
	cs.stack = s
	cs.created = c.tick()
	cs.status = "CREATE_PENDING"
	cs.execution = "UNAVAILABLE"
	cs.changes, err = c.compare(s, cs)
	if err != nil {
		return nil, err
	}

	s.changeSets = append(s.changeSets, cs)
	return wire.Values{"Id": cs.id, "StackId": s.id}, nil
}

// mismatch says why the stack cannot have another change set of that name.
func (cs *changeSet) mismatch(other *changeSet) wire.Fault {
	attribute := "Template"
	if cs.token != other.token {
		attribute = "ClientToken"
	}
	return wire.Fault{Code: "AlreadyExistsException", Message: "ChangeSet " + cs.name + " cannot be created due to a mismatch with existing attribute " + attribute}
}

// changeable refuses stacks whose state allows no change set.
func changeable(s *stack, kind, stackName, name string) error {
	switch {
	case kind == "IMPORT":
		return invalid("testbed: imports are not served")
	case kind == "CREATE" && s == nil && isARN(stackName):
		return invalid("Stack [%s] does not exist", stackName)
	case kind == "CREATE" && s != nil && s.status != "REVIEW_IN_PROGRESS":
		return invalid("Stack [%s] already exists and cannot be created again with the changeSet [%s].", stackName, name)
	case kind == "UPDATE" && s == nil:
		return invalid("Stack [%s] does not exist", stackName)
	case kind == "UPDATE" && !updatable(s.status):
		return invalid("Stack:%s is in %s state and can not be updated.", s.id, s.status)
	}

	return nil
}

// updatable reports whether a stack of this status accepts an update.
func updatable(status string) bool {
	switch status {
	case "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE":
		return true
	}
	return false
}

// read takes from a request what its stack needs.
func (c *Service) read(in wire.Values, s *stack) (*changeSet, error) {
	t, err := c.given(in, s)
	if err != nil {
		return nil, err
	}
	if err := t.allowed(wire.List[any](in, "Capabilities")); err != nil {
		return nil, err
	}

	parameters, err := c.fill(t, in, s)
	if err != nil {
		return nil, err
	}
	asIf := s
	if asIf == nil {
		asIf = &stack{name: wire.Text(in, "StackName")}
	}

	if err := foreseen(asIf, t, parameters, func(string) bool { return false }).Rules(); err != nil {
		return nil, invalid("Template error: %v", err)
	}
	cs := &changeSet{
		template: t, parameters: parameters, token: wire.Text(in, "ClientToken"), description: wire.Text(in, "Description"), onFailure: wire.Text(in, "OnStackFailure"),
		capabilities: wire.List[any](in, "Capabilities"), notifications: wire.List[any](in, "NotificationARNs"),
	}

	if in["Tags"] != nil {
		cs.tags = wire.List[any](in, "Tags")
	}

	return cs, nil
}

// changeSet returns the change set of a name or an ARN.
func (s *stack) changeSet(id string) *changeSet {
	for _, cs := range s.changeSets {
		if cs.id == id || cs.name == id {
			return cs
		}
	}
	return nil
}

func (s *stack) drop(cs *changeSet) {
	s.changeSets = slices.DeleteFunc(s.changeSets, func(other *changeSet) bool { return other == cs })
}

// named finds the change set of a request: by ARN, or by name and stack.
func (c *Service) named(in wire.Values) (*changeSet, error) {
	id := wire.Text(in, "ChangeSetName")
	stackName := wire.Text(in, "StackName")
	absent := wire.Fault{Code: "ChangeSetNotFound", Message: fmt.Sprintf("ChangeSet [%s] does not exist", id)}
	if !isARN(id) && stackName == "" {
		return nil, invalid("StackName must be specified if ChangeSetName is not specified as an ARN.")
	}

	if isARN(id) {
		for _, s := range c.stacks {
			if cs := s.changeSet(id); cs != nil {
				return cs, nil
			}
		}
		return nil, absent
	}

	s := c.find(stackName)
	if s == nil {
		return nil, invalid("Stack [%s] does not exist", stackName)
	}
	if cs := s.changeSet(id); cs != nil {
		return cs, nil
	}

	return nil, absent
}

func (c *Service) describeChangeSet(call wire.Call) (wire.Values, error) {
	cs, err := c.named(call.In)
	if err != nil {
		return nil, err
	}

	if wire.Text(call.In, "NextToken") == "" {
		c.proceed(cs)
	}

	v := cs.describe()
	if cs.status != "CREATE_COMPLETE" {
		v["Changes"] = []any{}
		return v, nil
	}

	if wire.Truth(call.In, "IncludePropertyValues") && cs.incomplete() != "" {
		v["StatusReason"] = cs.incomplete()
	}

	v["Changes"], v["NextToken"] = c.page(cs.list(wire.Truth(call.In, "IncludePropertyValues")), wire.Text(call.In, "NextToken"))
	return v, nil
}

// proceed advances a change set.
func (c *Service) proceed(cs *changeSet) {
	switch cs.status {
	case "CREATE_PENDING":
		cs.status = "CREATE_IN_PROGRESS"
	case "CREATE_IN_PROGRESS":
		if cs.delayed < c.delay {
			cs.delayed++
			return
		}

		cs.reason = c.flaw(cs)
		if cs.reason != "" {
			cs.status = "FAILED"
			return
		}
		cs.status = "CREATE_COMPLETE"
		cs.execution = "AVAILABLE"
	}
}

// flaw says why a change set fails; "" if it does not.
func (c *Service) flaw(cs *changeSet) string {
	if reason, failed := c.fails(working, ""); failed {
		return reason
	}
	if reason := cs.changes.forbidden(); reason != "" {
		return reason
	}
	if !cs.changes.any() {
		return noChanges
	}
	return ""
}

// any reports whether anything would change: an output alone counts, metadata of the template alone does not.
func (x *delta) any() bool {
	old, _ := x.before.Value(x.old.data.Section("Outputs"))
	now, _ := x.after.Value(x.new.data.Section("Outputs"))
	return len(x.byID) > 0 || x.tags || x.stack.template == nil || !reflect.DeepEqual(old, now)
}
