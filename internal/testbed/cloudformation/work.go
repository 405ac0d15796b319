package cloudformation

import (
	"slices"
	"strings"
)

// work is one phase of an operation: tasks in the order of their dependencies, and what follows them.
type work struct {
	tasks []*task
	halts bool                  // the first failure ends the phase, and tasks in progress with it
	then  func(failed []string) // logical IDs
}

// task is the work on one resource.
type task struct {
	verb     string
	resource *resource
	after    []*task
	stage    stage
	prepare  func(*task) (skip bool, flaw string) // before it starts; a flaw fails the resource
	replaces bool                                 // an update that makes a new physical resource
}

type stage int

const (
	taskWaiting   stage = iota
	taskStarted         // the service was asked
	taskInitiated       // a creation whose physical ID is known
	taskDone
	taskFailed
)

// underway reports whether a task is in progress.
func (t *task) underway() bool { return t.stage == taskStarted || t.stage == taskInitiated }

// step advances the phase: each resource one stage, and tasks begin whose dependencies are met.
func (c *Service) step(s *stack) {
	w := s.work
	if w == nil {
		return
	}
	if w.halts && c.breaks(s, w) {
		c.finish(s, w)
		return
	}

	for _, t := range w.tasks {
		if t.underway() {
			c.advance(s, t)
		}
	}

	for next := w.next(); next != nil; next = w.next() {
		c.begin(s, next)
	}

	if !slices.ContainsFunc(w.tasks, (*task).underway) {
		c.finish(s, w)
	}
}

// next returns a task that can begin.
func (w *work) next() *task {
	for _, t := range w.tasks {
		if t.stage == taskWaiting && t.ready() {
			return t
		}
	}
	return nil
}

// ready reports whether everything before the task is done.
func (t *task) ready() bool {
	return !slices.ContainsFunc(t.after, func(other *task) bool { return other.stage != taskDone })
}

// begin starts a task. A task without work is done at once, and lets the next begin.
func (c *Service) begin(s *stack, t *task) {
	if t.prepare != nil {
		skip, flaw := t.prepare(t)
		if skip {
			t.stage = taskDone
			return
		}
		if flaw != "" {
			t.stage = taskFailed
			c.tell(s, t.resource, eventVerb(t.verb)+"_FAILED", flaw)
			return
		}
	}

	reason := ""
	if t.replaces {
		reason = "Requested update requires the creation of a new physical resource; hence creating one."
	}

	t.stage = taskStarted
	c.tell(s, t.resource, eventVerb(t.verb)+"_IN_PROGRESS", reason)
}

// eventVerb is the action's name in events.
func eventVerb(verb string) string {
	if verb == undoing {
		return updating
	}
	return verb
}

// advance advances a task by a stage.
func (c *Service) advance(s *stack, t *task) {
	if t.stage == taskStarted && (t.verb == creation || t.replaces) {
		t.resource.physicalID = c.identity(s, t.resource.logicalID, t.resource.kind, t.resource.properties)
		t.stage = taskInitiated
		t.resource.made = false
		c.tell(s, t.resource, eventVerb(t.verb)+"_IN_PROGRESS", "Resource creation Initiated")
		return
	}

	if reason, fails := c.outcome(s, t); fails {
		t.stage = taskFailed
		c.tell(s, t.resource, eventVerb(t.verb)+"_FAILED", reason)
		return
	}
	t.stage = taskDone
	c.tell(s, t.resource, eventVerb(t.verb)+"_COMPLETE", "")

	if t.verb == deletion && s.resources[t.resource.logicalID] == t.resource {
		delete(s.resources, t.resource.logicalID)
	}
}

// outcome returns whether a task fails, because a test planned it or a hook refused.
func (c *Service) outcome(s *stack, t *task) (reason string, fails bool) {
	if reason, fails := c.fails(t.verb, t.resource.logicalID); fails {
		return reason, true
	}
	verb := t.verb

	if t.replaces {
		verb = creation
	}

	if verb == deletion && !t.resource.made {
		return "", false // its service never knew it
	}

	for _, hook := range c.hooks[hookKey{eventVerb(verb), t.resource.kind}] {
		if err := hook(t.resource.public(s)); err != nil {
			return err.Error(), true
		}
	}

	t.resource.made = true
	return "", false
}

// breaks fails a due task, and cancels all others in progress.
func (c *Service) breaks(s *stack, w *work) bool {
	broken := slices.ContainsFunc(w.tasks, func(t *task) bool { return t.stage == taskFailed })
	for _, t := range w.tasks {
		if broken || (t.stage != taskInitiated && (t.stage != taskStarted || t.verb == creation || t.replaces)) {
			continue
		}
		if reason, fails := c.fails(t.verb, t.resource.logicalID); fails {
			t.stage = taskFailed
			broken = true
			c.tell(s, t.resource, eventVerb(t.verb)+"_FAILED", reason)
		}
	}

	if !broken {
		return false
	}

	for _, t := range w.tasks {
		if !t.underway() {
			continue
		}
		t.stage = taskFailed
		noun := map[string]string{creation: "creation", updating: "update", deletion: "deletion", undoing: "update"}[t.verb]
		c.tell(s, t.resource, eventVerb(t.verb)+"_FAILED", "Resource "+noun+" cancelled")
	}

	return true
}

// finish starts what follows a phase.
func (c *Service) finish(s *stack, w *work) {
	var names []string
	for _, t := range w.tasks {
		if t.stage == taskFailed {
			names = append(names, t.resource.logicalID)
		}
	}
	s.work = nil
	w.then(names)
}

// ordered links tasks: a resource comes after its dependencies, or before them in deletions.
func ordered(tasks []*task, down bool) []*task {
	for _, t := range tasks {
		for _, other := range tasks {
			first := t
			second := other
			if down {
				first = other
				second = t
			}
			if slices.Contains(first.resource.needs, second.resource.logicalID) {
				t.after = append(t.after, other)
			}
		}
	}

	return tasks
}

// listed names resources as a stack's status reason does.
func listed(what string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "The following resource(s) failed to " + what + ": [" + strings.Join(names, ", ") + "]. "
}
