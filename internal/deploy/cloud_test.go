package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"image-builder/internal/progress"
	"image-builder/internal/stack"
)

const ours = "image-builder: bakes AMIs"

// cloud is an account in memory. Each look at a stack moves it to its next status.
type cloud struct {
	stacks  map[string]*standing // by name and by ID
	buckets map[string]string    // owner by name
	objects map[string]string
	fail    map[string][]error // by method; each is used up
	calls   []string
	sets    int  // change sets that were made
	empty   bool // change sets have no changes
	refused string
	notes   []string
}

// standing is a stack and what will become of it.
type standing struct {
	stack.Stack
	events []stack.Event
	future []stack.Status
	set    *stack.ChangeSet
}

func newCloud() *cloud {
	return &cloud{stacks: map[string]*standing{}, buckets: map[string]string{}, objects: map[string]string{}, fail: map[string][]error{}}
}

func id(name string) string {
	return "arn:aws:cloudformation:eu-central-1:123456789012:stack/" + name + "/1"
}

// add makes a stack that is in the first status and goes on to the others.
func (c *cloud) add(name, description string, statuses ...stack.Status) *standing {
	s := &standing{Stack: stack.Stack{
		ID: id(name), Name: name, Description: description, Outputs: map[string]string{"Pipeline": "arn:pipeline"},
		Parameters: map[string]string{"InstanceType": "t3.large", "KeepImages": "7"},
	}, future: statuses}
	c.stacks[name] = s
	c.stacks[id(name)] = s
	c.next(s)
	return s
}

// next takes a stack one status further.
func (c *cloud) next(s *standing) {
	if len(s.future) == 0 {
		return
	}
	s.Status, s.future = s.future[0], s.future[1:]
	s.events = append(s.events, stack.Event{
		ID: fmt.Sprint(len(s.events)), Type: "AWS::CloudFormation::Stack", LogicalID: s.Name, PhysicalID: s.ID, Status: s.Status,
	})
	if s.Status == stack.DeleteComplete {
		delete(c.stacks, s.Name)
	}
}

// event adds one of a resource.
func (s *standing) event(status stack.Status, reason string) *standing {
	s.events = append(s.events, stack.Event{ID: fmt.Sprint(len(s.events)), Type: "AWS::SNS::Topic", LogicalID: "Topic", Status: status, Reason: reason})
	return s
}

// called counts a call and returns the error that waits for it.
func (c *cloud) called(method string) error {
	c.calls = append(c.calls, method)
	if due := c.fail[method]; len(due) > 0 {
		c.fail[method] = due[1:]
		return due[0]
	}
	return nil
}

func (c *cloud) Stack(ctx context.Context, name string) (stack.Stack, error) {
	if err := errors.Join(ctx.Err(), c.called("Stack")); err != nil {
		return stack.Stack{}, err
	}
	s := c.stacks[name]
	if s == nil {
		return stack.Stack{}, fs.ErrNotExist
	}
	now := s.Stack
	c.next(s)
	return now, nil
}

func (c *cloud) Events(_ context.Context, id string) iter.Seq2[stack.Event, error] {
	return func(yield func(stack.Event, error) bool) {
		for _, e := range slices.Backward(c.stacks[id].events) {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (c *cloud) DeleteStack(_ context.Context, id, _ string) error {
	if err := c.called("DeleteStack"); err != nil {
		return err
	}
	s := c.stacks[id]
	if len(s.future) == 0 {
		s.future = []stack.Status{"DELETE_IN_PROGRESS", stack.DeleteComplete}
	}
	return nil
}

func (c *cloud) CreateChangeSet(_ context.Context, w Wanted) (string, error) {
	if err := c.called("CreateChangeSet"); err != nil {
		return "", err
	}
	s := c.stacks[w.Stack]
	if s == nil {
		s = c.add(w.Stack, "", stack.ReviewInProgress)
	}

	if s.set != nil {
		return "", fs.ErrExist
	}
	c.sets++
	s.set = &stack.ChangeSet{ID: fmt.Sprint("set ", c.sets), Name: w.ChangeSet, StackID: s.ID, Status: stack.CreateComplete}

	if c.empty {
		s.set.Status = "FAILED"
		s.set.Reason = "The submitted information didn't contain changes. Submit different information to create a change set."
	}

	if c.refused != "" {
		s.set.Status = "FAILED"
		s.set.Reason = c.refused
	}

	return s.set.ID, nil
}

func (c *cloud) ChangeSet(_ context.Context, stackID, id string) (stack.ChangeSet, error) {
	s := c.stacks[stackID]
	if s == nil || s.set == nil || (id != s.set.ID && id != s.set.Name) {
		return stack.ChangeSet{}, fs.ErrNotExist
	}
	return *s.set, nil
}

func (c *cloud) ChangeSetNames(_ context.Context, stackID string) ([]string, error) {
	if set := c.stacks[stackID].set; set != nil {
		return []string{set.Name}, nil
	}
	return nil, nil
}

func (c *cloud) DeleteChangeSet(_ context.Context, stackID, _ string) error {
	c.stacks[stackID].set = nil
	return nil
}

func (c *cloud) ExecuteChangeSet(_ context.Context, stackID, id, _ string) error {
	s := c.stacks[stackID]
	if s.set == nil || s.set.ID != id {
		return fs.ErrNotExist
	}
	err := c.called("ExecuteChangeSet")
	if err != nil && !errors.As(err, new(passingError)) {
		return err
	}

	s.set.Execution = "EXECUTE_IN_PROGRESS"
	if len(s.future) == 0 {
		s.future = []stack.Status{"CREATE_IN_PROGRESS", stack.CreateComplete}
	}

	return err
}

func (c *cloud) CheckBucket(_ context.Context, bucket, owner string) error {
	switch c.buckets[bucket] {
	case "":
		return fs.ErrNotExist
	case owner:
		return nil
	}
	return fs.ErrPermission
}

func (c *cloud) CreateBucket(_ context.Context, bucket string) error {
	c.buckets[bucket] = "1"
	return c.called("CreateBucket")
}

func (c *cloud) Withdraw(_ context.Context, bucket, _ string, keys []string) error {
	for _, key := range keys {
		delete(c.objects, bucket+"/"+key)
	}
	delete(c.buckets, bucket)
	return nil
}

func (c *cloud) Has(_ context.Context, bucket, key, _ string) (bool, error) {
	_, there := c.objects[bucket+"/"+key]
	return there, nil
}

func (c *cloud) Put(_ context.Context, bucket, key, _ string, body io.Reader) error {
	text, err := io.ReadAll(body)
	c.objects[bucket+"/"+key] = string(text)
	return errors.Join(err, c.called("Put "+key[strings.LastIndex(key, "/")+1:]))
}

func (c *cloud) Address(_ context.Context, bucket, key string) (string, error) {
	return "https://" + bucket + "/" + key, nil
}

func (c *cloud) Running(context.Context, string) ([]string, error) { return nil, c.called("Running") }

// passingError is an error that a retry gets past.
type passingError struct{}

func (passingError) Error() string { return "throttled" }
func (passingError) Passing() bool { return true }
func (passingError) Cause() string { return "throttled" }

// deploy returns a Deploy that works on the cloud and never waits.
func (c *cloud) deploy(t *testing.T) *Deploy {
	t.Helper()
	return &Deploy{
		Stacks: c, Buckets: c,
		Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		Report: func(e progress.Event) {
			if e.Kind == progress.Note {
				c.notes = append(c.notes, e.Text)
			}
		},
	}
}

func (c *cloud) remover() *Delete {
	return &Delete{Stacks: c, Builds: c, Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }}
}
