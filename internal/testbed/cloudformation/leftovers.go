package cloudformation

import "image-builder/internal/testbed/wire"

// leftovers are the resources that an update made superfluous: removed and replaced ones.
func (c *Service) leftovers(s *stack) []*resource {
	scope := s.actual()
	var left []*resource
	for _, old := range s.before.sorted() {
		now := s.resources[old.logicalID]
		switch {
		case now != nil && !scope.Exists(old.logicalID):
			left = append(left, now)
		case now != nil && now.physicalID != old.physicalID:
			left = append(left, old)
		}
	}

	return left
}

// cleanUp deletes resources; the stack forgets those that cannot be deleted.
func (c *Service) cleanUp(s *stack, left []*resource, then func(failed []string)) {
	var tasks []*task
	for _, r := range left {
		if c.retains(s, r) {
			c.tell(s, r, "DELETE_SKIPPED", "")
			continue
		}
		tasks = append(tasks, &task{verb: deletion, resource: r, prepare: func(*task) (bool, string) { return r.physicalID == "", "" }})
	}

	s.work = &work{tasks: ordered(tasks, true), then: func(failed []string) {
		for _, r := range left {
			if s.resources[r.logicalID] == r {
				delete(s.resources, r.logicalID)
			}
		}
		then(failed)
	}}
}

// retains reports whether a stack keeps a resource that it no longer wants: after a replacement, or after its
// removal.
func (c *Service) retains(s *stack, r *resource) bool {
	if now := s.resources[r.logicalID]; now != nil && now != r {
		return wire.Text(s.template.resource(r.logicalID), "UpdateReplacePolicy") == "Retain"
	}
	return s.before.template.resource(r.logicalID) != nil && wire.Text(s.before.template.resource(r.logicalID), "DeletionPolicy") == "Retain"
}
