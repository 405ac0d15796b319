package cloudformation

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"image-builder/internal/testbed/wire"
)

// takeOver gives a change set's template and parameters to the stack.
func (c *Service) takeOver(s *stack, cs *changeSet) {
	s.template = cs.template
	s.parameters = cs.parameters
	s.running = cs
	s.capabilities = cs.capabilities
	s.notifications = cs.notifications

	if cs.tags != nil {
		s.tags = cs.tags
	}

	if cs.onFailure != "" {
		s.onFailure = cs.onFailure
	}
}

// create makes the resources of a new stack.
func (c *Service) create(s *stack, cs *changeSet) {
	c.takeOver(s, cs)
	c.turn(s, "CREATE_IN_PROGRESS", "User Initiated")
	s.work = &work{tasks: ordered(c.creations(s), false), halts: true, then: func(failed []string) {
		if len(failed) > 0 {
			c.createFailed(s, failed)
			return
		}
		c.complete(s, "CREATE_COMPLETE", "")
	}}
}

// creations are tasks for resources of the template that the stack does not have yet.
func (c *Service) creations(s *stack) []*task {
	scope := s.actual()
	var tasks []*task
	for _, name := range slices.Sorted(maps.Keys(s.template.data.Section("Resources"))) {
		if s.resources[name] != nil || !scope.Exists(name) {
			continue
		}
		r := &resource{logicalID: name, kind: s.template.kind(name), needs: s.template.needs(name, scope.Exists)}
		tasks = append(tasks, &task{verb: creation, resource: r, prepare: func(t *task) (bool, string) {
			s.resources[name] = t.resource
			properties, err := evaluated(s.actual(), name)
			if err != nil {
				return false, err.Error()
			}
			t.resource.properties = properties
			return false, ""
		}})
	}

	return tasks
}

// complete ends a successful operation.
func (c *Service) complete(s *stack, status, reason string) {
	outputs, err := s.evaluateOutputs()
	if err != nil {
		c.createFailed(s, []string{err.Error()})
		return
	}
	s.outputs = outputs
	s.before = nil
	c.executed(s, "EXECUTE_COMPLETE")
	c.turn(s, status, reason)
}

// leftBehind is the reason of an update after which resources could not be deleted.
func leftBehind(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "Update successful. One or more resources could not be deleted."
}

// executed ends the execution of a change set, if there is one.
func (c *Service) executed(s *stack, status string) {
	if s.running != nil {
		s.running.execution = status
		s.running = nil
	}
}

func (s *stack) evaluateOutputs() ([]wire.Values, error) {
	scope := s.actual()
	var outputs []wire.Values
	for _, name := range slices.Sorted(maps.Keys(s.template.data.Section("Outputs"))) {
		body := s.template.data.Section("Outputs")[name].(map[string]any)
		if body["Condition"] != nil {
			if holds, err := scope.Holds(map[string]any{"Condition": body["Condition"]}); err != nil || !holds {
				continue
			}
		}

		value, err := scope.Value(body["Value"])
		if err != nil {
			return nil, err
		}
		output := wire.Values{"OutputKey": name, "OutputValue": fmt.Sprint(value)}

		if text := wire.Text(body, "Description"); text != "" {
			output["Description"] = strings.TrimSpace(text)
		}

		outputs = append(outputs, output)
	}

	return outputs, nil
}

// createFailed undoes a creation, or leaves it, depending on the stack's OnFailure.
func (c *Service) createFailed(s *stack, names []string) {
	c.executed(s, "EXECUTE_FAILED")
	reason := listed("create", names)

	if s.onFailure == "DO_NOTHING" {
		c.turn(s, "CREATE_FAILED", reason)
		return
	}
	if s.onFailure == "DELETE" {
		c.turn(s, "DELETE_IN_PROGRESS", reason+"Delete requested by user.")
		c.takeDown(s, nil, "DELETE_COMPLETE", "DELETE_FAILED")
		return
	}

	c.turn(s, "ROLLBACK_IN_PROGRESS", reason+"Rollback requested by user.")
	c.takeDown(s, nil, "ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
}

// takeDown deletes all resources except retained ones.
func (c *Service) takeDown(s *stack, retained []string, complete, incomplete string) {
	s.deleted = c.tick()
	var tasks []*task
	for _, r := range s.sorted() {
		if slices.Contains(retained, r.logicalID) || wire.Text(s.template.resource(r.logicalID), "DeletionPolicy") == "Retain" {
			c.tell(s, r, "DELETE_SKIPPED", "")
			delete(s.resources, r.logicalID)
			continue
		}
		tasks = append(tasks, &task{verb: deletion, resource: r, prepare: func(t *task) (bool, string) {
			unborn := t.resource.physicalID == ""
			if unborn {
				delete(s.resources, t.resource.logicalID)
			}
			return unborn, ""
		}})
	}

	s.work = &work{tasks: ordered(tasks, true), then: func(failed []string) {
		if len(failed) > 0 {
			c.turn(s, incomplete, listed("delete", failed))
			return
		}
		c.turn(s, complete, "")
		if complete == "DELETE_COMPLETE" {
			s.deleted = c.now
			s.outputs = nil
		}
	}}
}

// update changes the resources of a stack.
func (c *Service) update(s *stack, cs *changeSet) {
	before := *s
	before.resources = map[string]*resource{}
	for name, r := range s.resources {
		copied := *r
		before.resources[name] = &copied
	}

	s.before = &before
	c.takeOver(s, cs)
	s.updated = c.tick()
	c.turn(s, "UPDATE_IN_PROGRESS", "User Initiated")
	tasks := append(c.creations(s), c.updates(s)...)
	s.work = &work{tasks: ordered(tasks, false), halts: true, then: func(failed []string) {
		if len(failed) > 0 {
			c.rollBack(s, reasonOf(tasks))
			return
		}
		c.turn(s, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "")
		c.cleanUp(s, c.leftovers(s), func(failed []string) {
			c.complete(s, "UPDATE_COMPLETE", leftBehind(failed))
		})
	}}
}

// reasonOf says which creations and which updates failed.
func reasonOf(tasks []*task) string {
	var created, updated []string
	for _, t := range tasks {
		switch {
		case t.stage == taskFailed && t.verb == creation:
			created = append(created, t.resource.logicalID)
		case t.stage == taskFailed:
			updated = append(updated, t.resource.logicalID)
		}
	}
	return listed("create", created) + listed("update", updated)
}

// updates are tasks for the existing resources that are still wanted.
func (c *Service) updates(s *stack) []*task {
	scope := s.actual()
	var tasks []*task
	for _, r := range s.sorted() {
		if !scope.Exists(r.logicalID) {
			continue
		}
		r.needs = s.template.needs(r.logicalID, scope.Exists)
		tasks = append(tasks, &task{verb: updating, resource: r, prepare: func(t *task) (bool, string) {
			properties, err := evaluated(s.actual(), r.logicalID)
			if err != nil {
				return false, err.Error()
			}
			if reflect.DeepEqual(properties, r.properties) && !c.renamed(s, r) {
				return true, ""
			}

			t.replaces = c.recreates(r, properties)
			if t.replaces && ownName(r.kind, r.properties) != "" && ownName(r.kind, r.properties) == ownName(r.kind, properties) {
				return false, fmt.Sprintf("CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename %s and update the stack again.", r.physicalID)
			}
			r.properties = properties

			return false, ""
		}})
	}

	return tasks
}

// renamed reports whether a resource changes outside its properties: in metadata or the stack's tags.
func (c *Service) renamed(s *stack, r *resource) bool {
	old := s.before.template.resource(r.logicalID)["Metadata"]
	return !reflect.DeepEqual(old, s.template.resource(r.logicalID)["Metadata"]) || !reflect.DeepEqual(s.before.tags, s.tags)
}

func (c *Service) recreates(r *resource, properties map[string]any) bool {
	names := maps.Clone(r.properties)
	maps.Copy(names, properties)
	for name := range names {
		if c.schemas.recreated(r.kind, name) == "Always" && !reflect.DeepEqual(r.properties[name], properties[name]) {
			return true
		}
	}
	return false
}
