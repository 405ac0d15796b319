package cloudformation

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"image-builder/internal/testbed/wire"
)

// stack is a stack, from its first change set until after its deletion.
type stack struct {
	id, name, status, reason    string
	created, updated, deleted   time.Time
	template                    *template // nil: the stack exists only for a change set
	parameters                  []parameterValue
	capabilities, notifications []any
	tags                        []any
	changeSetID                 string
	resources                   map[string]*resource
	outputs                     []wire.Values
	events                      []wire.Values // oldest first
	changeSets                  []*changeSet
	protected                   bool
	onFailure                   string      // ROLLBACK, DO_NOTHING or DELETE
	work                        *work       // what is under way
	before                      *stack      // resources that an update replaces
	extra                       []*resource // resources that its rollback deletes
	running                     *changeSet
	tokens                      map[string]bool // of requested executions
	former                      string          // status before the operation
	lag                         int             // descriptions that show it
}

// resource is a resource of a stack.
type resource struct {
	logicalID, physicalID, kind, status, reason string
	properties                                  map[string]any
	updated                                     time.Time
	needs                                       []string // logical IDs
	made                                        bool     // its service knows it
}

func (c *Service) newStack(name string) *stack {
	s := &stack{
		id: c.arn("stack", name), name: name, created: c.tick(), resources: map[string]*resource{}, onFailure: "ROLLBACK", tokens: map[string]bool{},
	}
	c.stacks = append(c.stacks, s)
	return s
}

// StackKind is the type of a stack in its own events.
const StackKind = "AWS::CloudFormation::Stack"

// turn sets the stack's status and records the event.
func (c *Service) turn(s *stack, status, reason string) {
	if begins(status) {
		s.former = s.status
		s.lag = c.lag
	}

	s.status = status
	s.reason = reason
	s.events = append(s.events, withReason(wire.Values{
		"StackId": s.id, "StackName": s.name, "EventId": uuid.NewString(), "LogicalResourceId": s.name, "PhysicalResourceId": s.id,
		"ResourceType": StackKind, "Timestamp": c.tick(), "ResourceStatus": status,
	}, reason))
}

// begins reports whether a status is the first of an operation.
func begins(status string) bool {
	return status == "CREATE_IN_PROGRESS" || status == "UPDATE_IN_PROGRESS" || status == "DELETE_IN_PROGRESS"
}

// tell sets a resource's status and records the event.
func (c *Service) tell(s *stack, r *resource, status, reason string) {
	r.status = status
	r.reason = reason
	r.updated = c.tick()
	event := withReason(wire.Values{
		"StackId": s.id, "StackName": s.name, "LogicalResourceId": r.logicalID, "PhysicalResourceId": r.physicalID,
		"ResourceType": r.kind, "Timestamp": r.updated, "ResourceStatus": status,
	}, reason)

	if strings.HasSuffix(s.status, "_CLEANUP_IN_PROGRESS") {
		event["EventId"] = r.logicalID + "-" + uuid.NewString()
	} else {
		properties, _ := json.Marshal(r.properties) // texts, numbers, lists and maps only
		event["ResourceProperties"] = string(properties)
		event["EventId"] = r.logicalID + "-" + status + "-" + r.updated.Format("2006-01-02T15:04:05.000Z")
	}

	s.events = append(s.events, event)
}

func withReason(event wire.Values, reason string) wire.Values {
	if reason != "" {
		event["ResourceStatusReason"] = reason
	}
	return event
}

// busy reports whether an operation is in progress.
func (s *stack) busy() bool { return s.work != nil }

func (c *Service) describeStacks(call wire.Call) (wire.Values, error) {
	id := wire.Text(call.In, "StackName")
	if id == "" {
		var all []wire.Values
		for i := len(c.stacks) - 1; i >= 0; i-- {
			if s := c.stacks[i]; s.status != "DELETE_COMPLETE" {
				all = append(all, s.describe())
			}
		}
		page, next := c.page(all, wire.Text(call.In, "NextToken"))
		return wire.Values{"Stacks": page, "NextToken": next}, nil
	}

	s := c.find(id)
	if s == nil {
		return nil, invalid("Stack with id %s does not exist", id)
	}
	c.step(s)
	described := s.describe()

	if s.lag > 0 {
		s.lag--
		described["StackStatus"] = s.former
	}

	return wire.Values{"Stacks": []wire.Values{described}}, nil
}

// describe is a Stack. https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Stack.html
func (s *stack) describe() wire.Values {
	v := wire.Values{
		"StackId": s.id, "StackName": s.name, "StackStatus": s.status, "CreationTime": s.created, "DisableRollback": s.onFailure == "DO_NOTHING",
		"DriftInformation": wire.Values{"StackDriftStatus": "NOT_CHECKED"}, "NotificationARNs": s.notifications, "RollbackConfiguration": wire.Values{}, "Tags": s.tags,
	}
	if v["NotificationARNs"] == nil || len(s.notifications) == 0 {
		v["NotificationARNs"] = []any{}
	}

	if len(s.tags) == 0 {
		v["Tags"] = []any{}
	}

	if s.reason != "" {
		v["StackStatusReason"] = s.reason
	}

	for name, at := range map[string]time.Time{"LastUpdatedTime": s.updated, "DeletionTime": s.deleted} {
		if !at.IsZero() {
			v[name] = at
		}
	}

	if s.template != nil {
		s.describeContent(v)
	}

	if s.status == "DELETE_COMPLETE" {
		return v
	}
	v["EnableTerminationProtection"] = s.protected

	if s.changeSetID != "" {
		v["ChangeSetId"] = s.changeSetID
	}

	return v
}

// describeContent adds the parts that come from an executed template.
func (s *stack) describeContent(v wire.Values) {
	if s.template.description != "" {
		v["Description"] = s.template.description
	}

	if len(s.capabilities) > 0 {
		v["Capabilities"] = s.capabilities
	}

	if len(s.parameters) > 0 {
		v["Parameters"] = described(s.parameters)
	}

	if len(s.outputs) > 0 && s.status != "DELETE_COMPLETE" {
		v["Outputs"] = s.outputs
	}
}

func (c *Service) listStacks(call wire.Call) (wire.Values, error) {
	wanted := wire.List[string](call.In, "StackStatusFilter")
	var all []wire.Values
	for i := len(c.stacks) - 1; i >= 0; i-- {
		s := c.stacks[i]
		if len(wanted) > 0 && !slices.Contains(wanted, s.status) {
			continue
		}
		full := s.describe()

		summary := wire.Values{}
		for _, name := range []string{"StackId", "StackName", "CreationTime", "LastUpdatedTime", "DeletionTime", "StackStatus", "StackStatusReason", "DriftInformation"} {
			summary[name] = full[name]
		}

		if s.template != nil && s.template.description != "" {
			summary["TemplateDescription"] = s.template.description
		}

		all = append(all, summary)
	}

	page, next := c.page(all, wire.Text(call.In, "NextToken"))
	return wire.Values{"StackSummaries": page, "NextToken": next}, nil
}

func (c *Service) describeStackEvents(call wire.Call) (wire.Values, error) {
	s := c.find(wire.Text(call.In, "StackName"))
	if s == nil {
		return nil, invalid("Stack [%s] does not exist", wire.Text(call.In, "StackName"))
	}

	if wire.Text(call.In, "NextToken") == "" {
		c.step(s) // only at the first page: the pages are one list
	}

	newest := slices.Clone(s.events)
	slices.Reverse(newest)
	page, next := c.page(newest, wire.Text(call.In, "NextToken"))
	return wire.Values{"StackEvents": page, "NextToken": next}, nil
}

// sorted returns the resources by logical ID, without deleted ones.
func (s *stack) sorted() []*resource {
	var all []*resource
	for _, name := range slices.Sorted(maps.Keys(s.resources)) {
		all = append(all, s.resources[name])
	}
	return all
}
