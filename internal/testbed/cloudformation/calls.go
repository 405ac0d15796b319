package cloudformation

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"image-builder/internal/testbed/wire"
)

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ExecuteChangeSet.html
func (c *Service) executeChangeSet(call wire.Call) (wire.Values, error) {
	cs, err := c.named(call.In)
	if err != nil {
		return nil, err
	}
	s := cs.stack

	token := wire.Text(call.In, "ClientRequestToken")
	if token != "" && s.tokens[token] {
		return wire.Values{}, nil // a repeated request
	}
	refused := wire.Fault{Code: "InvalidChangeSetStatus", Message: fmt.Sprintf("ChangeSet [%s] cannot be executed in its current status of [%s]", cs.id, cs.status)}
	switch {
	case cs.status != "CREATE_COMPLETE":
		return nil, refused
	case cs.execution != "AVAILABLE":
		refused.Message = fmt.Sprintf("ChangeSet [%s] cannot be executed in its current execution status of [%s]", cs.id, cs.execution)
		return nil, refused
	case s.busy():
		return nil, invalid("Stack:%s is in %s state and can not be updated.", s.id, s.status)
	}

	s.tokens[token] = true
	s.changeSets = []*changeSet{cs} // the others belong to a stack that no longer exists
	s.changeSetID = cs.id
	cs.execution = "EXECUTE_IN_PROGRESS"

	if wire.Truth(call.In, "DisableRollback") {
		s.onFailure = "DO_NOTHING"
	}

	if s.template == nil {
		s.updated = c.tick()
		c.create(s, cs)
	} else {
		c.update(s, cs)
	}

	return wire.Values{}, nil
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteChangeSet.html
func (c *Service) deleteChangeSet(call wire.Call) (wire.Values, error) {
	cs, err := c.named(call.In)
	if err != nil {
		if f := (wire.Fault{}); errors.As(err, &f) && f.Code == "ChangeSetNotFound" {
			return wire.Values{}, nil // as if it had existed
		}
		return nil, err
	}
	if cs.execution == "EXECUTE_IN_PROGRESS" {
		return nil, wire.Fault{Code: "InvalidChangeSetStatus", Message: fmt.Sprintf("ChangeSet [%s] cannot be deleted in its current status of [%s]", cs.id, cs.status)}
	}

	cs.stack.drop(cs)
	return wire.Values{}, nil
}

func (c *Service) listChangeSets(call wire.Call) (wire.Values, error) {
	s := c.find(wire.Text(call.In, "StackName"))
	if s == nil {
		return nil, invalid("Stack [%s] does not exist", wire.Text(call.In, "StackName"))
	}
	var all []wire.Values
	for _, cs := range s.changeSets {
		if cs.execution == "EXECUTE_COMPLETE" {
			continue // it belongs to the stack's history
		}
		full := cs.describe()
		summary := wire.Values{}
		for _, name := range []string{"ChangeSetId", "ChangeSetName", "StackId", "StackName", "CreationTime", "Status", "StatusReason", "ExecutionStatus", "Description", "IncludeNestedStacks"} {
			summary[name] = full[name]
		}
		all = append(all, summary)
	}

	page, next := c.page(all, wire.Text(call.In, "NextToken"))
	return wire.Values{"Summaries": page, "NextToken": next}, nil
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
func (c *Service) createStack(call wire.Call) (wire.Values, error) {
	name := wire.Text(call.In, "StackName")
	s := c.find(name)
	if s != nil && s.status != "REVIEW_IN_PROGRESS" {
		return nil, wire.Fault{Code: "AlreadyExistsException", Message: fmt.Sprintf("Stack [%s] already exists", name)}
	}
	cs, err := c.read(call.In, s)
	if err != nil {
		return nil, err
	}

	if s == nil {
		s = c.newStack(name)
	}

	for _, waiting := range s.changeSets {
		waiting.execution = "OBSOLETE"
	}

	cs.onFailure = cmp.Or(wire.Text(call.In, "OnFailure"), cs.onFailure)
	if wire.Truth(call.In, "DisableRollback") {
		cs.onFailure = "DO_NOTHING"
	}

	s.protected = wire.Truth(call.In, "EnableTerminationProtection")
	c.create(s, cs)
	return wire.Values{"StackId": s.id}, nil
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html
func (c *Service) updateStack(call wire.Call) (wire.Values, error) {
	s := c.find(wire.Text(call.In, "StackName"))
	switch {
	case s == nil:
		return nil, invalid("Stack [%s] does not exist", wire.Text(call.In, "StackName"))
	case !updatable(s.status):
		return nil, invalid("Stack:%s is in %s state and can not be updated.", s.id, s.status)
	}

	cs, err := c.read(call.In, s)
	if err != nil {
		return nil, err
	}
	if err := cs.permitted(call.In); err != nil {
		return nil, err
	}

	cs.stack = s
	cs.changes, err = c.compare(s, cs)
	if err != nil {
		return nil, err
	}
	if reason := cs.changes.forbidden(); reason != "" {
		return nil, invalid("%s", reason)
	}
	if !cs.changes.any() {
		return nil, invalid("No updates are to be performed.")
	}

	if call.In["Capabilities"] == nil {
		cs.capabilities = s.capabilities
	}

	for _, waiting := range s.changeSets {
		waiting.execution = "OBSOLETE"
	}

	s.changeSetID = ""
	c.update(s, cs)
	return wire.Values{"StackId": s.id}, nil
}

// permitted finds resources that the parameter ResourceTypes does not allow.
func (cs *changeSet) permitted(in wire.Values) error {
	types := wire.List[string](in, "ResourceTypes")
	for _, name := range slices.Sorted(maps.Keys(cs.template.data.Section("Resources"))) {
		kind := cs.template.kind(name)
		allows := func(pattern string) bool {
			prefix, all := strings.CutSuffix(pattern, "::*")
			return pattern == kind || (all && strings.HasPrefix(kind, prefix+"::"))
		}
		if len(types) > 0 && !slices.ContainsFunc(types, allows) {
			return invalid("Resource type %s is not allowed by parameter ResourceTypes [%s]", kind, strings.Join(types, ", "))
		}
	}

	return nil
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html
func (c *Service) deleteStack(call wire.Call) (wire.Values, error) {
	s := c.find(wire.Text(call.In, "StackName"))
	retained := wire.List[string](call.In, "RetainResources")
	switch {
	case s == nil || s.status == "DELETE_COMPLETE" || s.status == "DELETE_IN_PROGRESS":
		return nil, nil
	case s.protected:
		return nil, invalid("Stack [%s] cannot be deleted while TerminationProtection is enabled", s.name)
	case s.busy() && strings.HasPrefix(s.status, "UPDATE_"):
		return nil, invalid("Stack [%s] cannot be deleted while in status %s", s.id, s.status)
	case len(retained) > 0 && s.status != "DELETE_FAILED":
		return nil, invalid("Invalid operation on stack [%s]. RetainResources is for stacks in the DELETE_FAILED state.", s.id)
	}

	if s.template == nil {
		s.template = &template{}
	}

	s.work = nil
	c.executed(s, "EXECUTE_FAILED")
	c.turn(s, "DELETE_IN_PROGRESS", "User Initiated")
	c.takeDown(s, retained, "DELETE_COMPLETE", "DELETE_FAILED")
	return nil, nil
}

func (c *Service) updateTerminationProtection(call wire.Call) (wire.Values, error) {
	s := c.find(wire.Text(call.In, "StackName"))
	if s == nil {
		return nil, invalid("Stack [%s] does not exist", wire.Text(call.In, "StackName"))
	}
	s.protected = wire.Truth(call.In, "EnableTerminationProtection")
	return wire.Values{"StackId": s.id}, nil
}
