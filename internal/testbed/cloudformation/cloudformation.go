// Package cloudformation is a test server's CloudFormation: stacks, change sets, events and rollbacks.
//
// It behaves as AWS's documentation and AWS's recorded answers say. Resources exist in name only; hooks tell the
// other services of them. Nothing waits: an operation advances one step each time its stack is described.
package cloudformation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"image-builder/internal/testbed/wire"
)

// Service makes, changes and deletes stacks of templates. Resources exist in name only, in AWS's order and with AWS's
// events; hooks tell other services of them. An operation advances one step each time its stack, events or resources
// are described, a change set each time it is described.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/Welcome.html
type Service struct {
	// pageSize is the length of a page; 0: 100.
	pageSize int

	peers   *wire.Server                             // the other services of the account
	objects func(bucket, key string) ([]byte, error) // reads from S3
	schemas *schemas

	mu       sync.Mutex
	now      time.Time // of the last event; all differ
	stacks   []*stack  // oldest first; deleted ones stay
	failures []*failure
	delay    int // descriptions for which a change set is worked on, besides the usual ones
	lag      int // descriptions for which a stack shows its former status when an operation has begun
	hooks    map[hookKey][]func(Resource) error
	numbers  map[string]int // numbers given to open versions, by the part before them
}

// failure makes an action on a resource fail, times times.
type failure struct {
	logicalID, reason string
	times             int
	verbs             []string
}

type hookKey struct{ verb, kind string }

// The actions on a resource.
const (
	creation = "CREATE"
	updating = "UPDATE"
	deletion = "DELETE"
	undoing  = "UNDO" // of an update; events call it UPDATE
	working  = "WORK" // on a change set
)

// New returns the service without a stack; objects reads a template from a bucket.
func New(peers *wire.Server, data string, objects func(bucket, key string) ([]byte, error)) *Service {
	c := &Service{peers: peers, objects: objects, schemas: &schemas{data: data}, hooks: map[hookKey][]func(Resource) error{}, numbers: map[string]int{}}
	c.register()
	return c
}

// SetPageSize makes lists come in pages of n; 0: the service's own size.
func (c *Service) SetPageSize(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pageSize = n
}

// Model is cloudformation.
func (c *Service) Model() string { return "cloudformation" }

// Operation returns what is served.
func (c *Service) Operation(name string) func(wire.Call) (wire.Values, error) {
	do := map[string]func(wire.Call) (wire.Values, error){
		"CreateChangeSet":             c.createChangeSet,
		"DescribeChangeSet":           c.describeChangeSet,
		"ExecuteChangeSet":            c.executeChangeSet,
		"DeleteChangeSet":             c.deleteChangeSet,
		"ListChangeSets":              c.listChangeSets,
		"CreateStack":                 c.createStack,
		"UpdateStack":                 c.updateStack,
		"DeleteStack":                 c.deleteStack,
		"CancelUpdateStack":           c.cancelUpdateStack,
		"ContinueUpdateRollback":      c.continueUpdateRollback,
		"UpdateTerminationProtection": c.updateTerminationProtection,
		"DescribeStacks":              c.describeStacks,
		"ListStacks":                  c.listStacks,
		"DescribeStackEvents":         c.describeStackEvents,
		"DescribeStackResources":      c.describeStackResources,
		"DescribeStackResource":       c.describeStackResource,
		"ListStackResources":          c.listStackResources,
		"GetTemplate":                 c.getTemplate,
		"GetTemplateSummary":          c.getTemplateSummary,
	}[name]
	if do == nil {
		return nil
	}

	return func(call wire.Call) (wire.Values, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		return do(call)
	}
}

// FailResource makes the next creations or updates of a resource fail for a reason; resources in progress at that
// time are cancelled, and the operation is rolled back.
func (c *Service) FailResource(logicalID, reason string, times int) {
	c.plan(failure{logicalID, reason, times, []string{creation, updating}})
}

// FailDeletion makes the next deletions of a resource fail, including those of a rollback.
func (c *Service) FailDeletion(logicalID, reason string, times int) {
	c.plan(failure{logicalID, reason, times, []string{deletion}})
}

// FailRollback makes the next rollbacks of a resource's update fail: UPDATE_ROLLBACK_FAILED.
func (c *Service) FailRollback(logicalID, reason string, times int) {
	c.plan(failure{logicalID, reason, times, []string{undoing}})
}

// FailChangeSet makes the next change sets fail for a reason.
func (c *Service) FailChangeSet(reason string, times int) {
	c.plan(failure{"", reason, times, []string{working}})
}

// DelayChangeSets lets each change set stay in CREATE_IN_PROGRESS for this many more descriptions.
func (c *Service) DelayChangeSets(descriptions int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delay = descriptions
}

// LagStatus lets a stack show its former status in this many descriptions after an operation has begun.
func (c *Service) LagStatus(descriptions int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lag = descriptions
}

func (c *Service) plan(f failure) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures = append(c.failures, &f)
}

// fails reports whether a failure is planned, and uses it up.
func (c *Service) fails(verb, logicalID string) (reason string, failed bool) {
	for _, f := range c.failures {
		if f.times > 0 && slices.Contains(f.verbs, verb) && f.logicalID == logicalID {
			f.times--
			return f.reason, true
		}
	}
	return "", false
}

// Resource is a resource of a stack, as its service would receive it.
type Resource struct {
	StackName, StackID, LogicalID, PhysicalID, Type, Status string
	Properties                                              map[string]any
}

// OnCreate calls a function for each new resource of a type. Its error makes the resource fail. It may call other
// services, but not this one.
func (c *Service) OnCreate(kind string, do func(Resource) error) { c.on(creation, kind, do) }

// OnUpdate is OnCreate for updates without replacement.
func (c *Service) OnUpdate(kind string, do func(Resource) error) { c.on(updating, kind, do) }

// OnDelete is OnCreate for deletions.
func (c *Service) OnDelete(kind string, do func(Resource) error) { c.on(deletion, kind, do) }

func (c *Service) on(verb, kind string, do func(Resource) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hooks[hookKey{verb, kind}] = append(c.hooks[hookKey{verb, kind}], do)
}

// tick is the time of an event.
func (c *Service) tick() time.Time {
	now := time.Now().UTC().Truncate(time.Millisecond)
	if !now.After(c.now) {
		now = c.now.Add(time.Millisecond)
	}
	c.now = now
	return now
}

func (c *Service) arn(kind, name string) string {
	return fmt.Sprintf("arn:aws:cloudformation:%s:%s:%s/%s/%s", wire.Region, wire.Account, kind, name, uuid.NewString())
}

// find returns the stack of an ARN, or the existing one of a name.
func (c *Service) find(id string) *stack {
	for i := len(c.stacks) - 1; i >= 0; i-- {
		s := c.stacks[i]
		if s.id == id || (s.name == id && s.status != "DELETE_COMPLETE") {
			return s
		}
	}
	return nil
}

// invalid is CloudFormation's code for most refusals.
func invalid(format string, args ...any) wire.Fault {
	return wire.Fault{Code: "ValidationError", Message: fmt.Sprintf(format, args...)}
}

// isARN reports whether an ID is an ARN rather than a name.
func isARN(id string) bool { return strings.HasPrefix(id, "arn:") }

// page cuts a list: token is the number of items before the page.
func (c *Service) page(items []wire.Values, token string) (page []any, next any) {
	var start int
	if _, err := fmt.Sscanf(token, "from-%d", &start); err != nil || start > len(items) {
		start = 0
	}

	end := min(len(items), start+cmp.Or(c.pageSize, 100))
	if end < len(items) {
		next = fmt.Sprintf("from-%d", end)
	}

	page = []any{}
	for _, item := range items[start:end] {
		page = append(page, item)
	}

	return page, next
}
