package cloudformation

import (
	"slices"

	"image-builder/internal/testbed/wire"
)

// rollBack undoes an update: it changes resources back, then deletes the new ones.
func (c *Service) rollBack(s *stack, reason string) {
	c.executed(s, "EXECUTE_FAILED")
	c.turn(s, "UPDATE_ROLLBACK_IN_PROGRESS", reason)
	var touched []string
	for _, old := range s.before.sorted() {
		if now := s.resources[old.logicalID]; now != nil && now.updated != old.updated {
			touched = append(touched, old.logicalID)
		}
	}
	s.extra = c.additions(s)
	c.undo(s, touched)
}

// undo restores resources to their earlier state.
func (c *Service) undo(s *stack, names []string) {
	var tasks []*task
	for _, name := range names {
		if s.before.resources[name] == nil {
			continue // new: it is deleted
		}
		tasks = append(tasks, &task{verb: undoing, resource: s.resources[name], prepare: func(t *task) (bool, string) {
			t.resource.properties = s.before.resources[name].properties
			return false, ""
		}})
	}

	s.work = &work{tasks: ordered(tasks, false), then: func(failed []string) {
		if len(failed) > 0 {
			c.turn(s, "UPDATE_ROLLBACK_FAILED", listed("update", failed))
			return
		}
		c.turn(s, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "")
		c.cleanUp(s, s.extra, func([]string) { c.returned(s) })
	}}
}

// additions are the resources that the update added or that replaced others, whose places the old ones get back.
func (c *Service) additions(s *stack) []*resource {
	var made []*resource
	for _, r := range s.sorted() {
		old := s.before.resources[r.logicalID]
		switch {
		case old == nil:
			made = append(made, r)
		case old.physicalID != r.physicalID:
			replacing := *r
			made = append(made, &replacing)
			r.physicalID = old.physicalID
			r.made = old.made
		}
	}

	return made
}

// returned ends a rollback: the earlier template and parameters apply again.
func (c *Service) returned(s *stack) {
	s.template = s.before.template
	s.parameters = s.before.parameters
	s.capabilities = s.before.capabilities
	s.tags = s.before.tags
	s.outputs, s.notifications, s.before, s.extra = s.before.outputs, s.before.notifications, nil, nil
	c.turn(s, "UPDATE_ROLLBACK_COMPLETE", "")
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CancelUpdateStack.html
func (c *Service) cancelUpdateStack(call wire.Call) (wire.Values, error) {
	s := c.find(wire.Text(call.In, "StackName"))
	switch {
	case s == nil:
		return nil, invalid("Stack [%s] does not exist", wire.Text(call.In, "StackName"))
	case s.status != "UPDATE_IN_PROGRESS":
		return nil, invalid("CancelUpdateStack cannot be called from current stack status")
	}

	s.work.tasks = slices.DeleteFunc(s.work.tasks, func(t *task) bool { return t.stage == taskWaiting })
	for _, t := range s.work.tasks {
		if t.underway() {
			t.stage = taskFailed
			c.tell(s, t.resource, eventVerb(t.verb)+"_FAILED", "Resource update cancelled")
		}
	}

	s.work = nil
	c.rollBack(s, "User Initiated")
	return nil, nil
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ContinueUpdateRollback.html
func (c *Service) continueUpdateRollback(call wire.Call) (wire.Values, error) {
	s := c.find(wire.Text(call.In, "StackName"))
	switch {
	case s == nil:
		return nil, invalid("Stack [%s] does not exist", wire.Text(call.In, "StackName"))
	case s.status != "UPDATE_ROLLBACK_FAILED":
		return nil, invalid("Stack:%s is in %s state and can not continue rollback.", s.id, s.status)
	}

	c.turn(s, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated")
	var names []string
	for _, r := range s.sorted() {
		if r.status == "UPDATE_FAILED" && !slices.Contains(wire.List[string](call.In, "ResourcesToSkip"), r.logicalID) {
			names = append(names, r.logicalID)
		}
	}

	c.undo(s, names)
	return wire.Values{}, nil
}
