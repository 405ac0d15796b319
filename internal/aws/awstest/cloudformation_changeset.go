package awstest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// changeSet is a change set; one that was deleted is no longer among its stack's.
type changeSet struct {
	id, name, kind, status, reason, execution, description, token, onFailure string
	created                                                                  time.Time
	stack                                                                    *stack
	template                                                                 *template
	parameters                                                               []parameterValue
	capabilities, notifications, tags                                        []any
	changes                                                                  *delta
}

const noChanges = "The submitted information didn't contain changes. Submit different information to create a change set."

func (c *CloudFormation) createChangeSet(call Call) (Values, error) {
	name := textOf(call.In, "ChangeSetName")
	kind := cmp.Or(textOf(call.In, "ChangeSetType"), "UPDATE")
	s := c.find(textOf(call.In, "StackName"))
	if s != nil {
		if same := s.changeSet(name); same != nil && same.token != "" && same.token == textOf(call.In, "ClientToken") {
			return Values{"Id": same.id, "StackId": s.id}, nil
		}
	}
	if err := changeable(s, kind, textOf(call.In, "StackName"), name); err != nil {
		return nil, err
	}
	cs, err := c.read(call.In, s)
	if err != nil {
		return nil, err
	}
	if s == nil {
		s = c.newStack(textOf(call.In, "StackName"))
		c.turn(s, "REVIEW_IN_PROGRESS", "User Initiated")
	}
	if same := s.changeSet(name); same != nil {
		if !strings.HasPrefix(same.execution, "EXECUTE_") && same.status != "FAILED" {
			return nil, Fault{Code: "AlreadyExistsException", Message: "ChangeSet " + name + " cannot be created due to a mismatch with existing attribute Template"}
		}
		s.drop(same)
	}
	cs.id, cs.name, cs.kind, cs.stack, cs.created = c.arn("changeSet", name), name, kind, s, c.tick()
	cs.status, cs.execution = "CREATE_PENDING", "UNAVAILABLE"
	if cs.changes, err = c.compare(s, cs); err != nil {
		return nil, err
	}
	s.changeSets = append(s.changeSets, cs)
	return Values{"Id": cs.id, "StackId": s.id}, nil
}

// changeable finds that a stack is in no state for a change set.
func changeable(s *stack, kind, stackName, name string) error {
	switch {
	case kind == "IMPORT":
		return invalid("awstest: imports are not served")
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

// updatable tells whether a stack of this status takes an update.
func updatable(status string) bool {
	switch status {
	case "CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE":
		return true
	}
	return false
}

// read takes from a request what a stack will be made of.
func (c *CloudFormation) read(in Values, s *stack) (*changeSet, error) {
	t, err := c.given(in, s)
	if err != nil {
		return nil, err
	}
	if err := t.allowed(listOf[any](in, "Capabilities")); err != nil {
		return nil, err
	}
	parameters, err := c.fill(t, in, s)
	if err != nil {
		return nil, err
	}
	asIf := s
	if asIf == nil {
		asIf = &stack{name: textOf(in, "StackName")}
	}
	if err := foreseen(asIf, t, parameters).Rules(); err != nil {
		return nil, invalid("Template error: %v", err)
	}
	cs := &changeSet{
		template: t, parameters: parameters, token: textOf(in, "ClientToken"), description: textOf(in, "Description"), onFailure: textOf(in, "OnStackFailure"),
		capabilities: listOf[any](in, "Capabilities"), notifications: listOf[any](in, "NotificationARNs"),
	}
	if in["Tags"] != nil {
		cs.tags = listOf[any](in, "Tags")
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
func (c *CloudFormation) named(in Values) (*changeSet, error) {
	id, stackName := textOf(in, "ChangeSetName"), textOf(in, "StackName")
	absent := Fault{Code: "ChangeSetNotFound", Message: fmt.Sprintf("ChangeSet [%s] does not exist", id)}
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

func (c *CloudFormation) describeChangeSet(call Call) (Values, error) {
	cs, err := c.named(call.In)
	if err != nil {
		return nil, err
	}
	if textOf(call.In, "NextToken") == "" {
		c.proceed(cs)
	}
	v := cs.describe()
	if cs.status != "CREATE_COMPLETE" {
		v["Changes"] = []any{}
		return v, nil
	}
	v["Changes"], v["NextToken"] = c.page(cs.list(truthOf(call.In, "IncludePropertyValues")), textOf(call.In, "NextToken"))
	return v, nil
}

// proceed works on a change set.
func (c *CloudFormation) proceed(cs *changeSet) {
	switch cs.status {
	case "CREATE_PENDING":
		cs.status = "CREATE_IN_PROGRESS"
	case "CREATE_IN_PROGRESS":
		if reason, failed := c.fails("CHANGE SET", ""); failed {
			cs.status, cs.reason = "FAILED", reason
			return
		}
		if !cs.changes.any() {
			cs.status, cs.reason = "FAILED", noChanges
			return
		}
		cs.status, cs.execution = "CREATE_COMPLETE", "AVAILABLE"
	}
}

// any tells whether there is anything to do: an output alone is, metadata of the template alone is not.
func (x *delta) any() bool {
	old, _ := x.before.Value(x.old.data.Section("Outputs"))
	now, _ := x.after.Value(x.new.data.Section("Outputs"))
	return len(x.resources) > 0 || x.tags || x.stack.template == nil || !reflect.DeepEqual(old, now)
}

func (cs *changeSet) describe() Values {
	v := Values{
		"ChangeSetId": cs.id, "ChangeSetName": cs.name, "StackId": cs.stack.id, "StackName": cs.stack.name, "CreationTime": cs.created,
		"Status": cs.status, "ExecutionStatus": cs.execution, "NotificationARNs": cs.notifications, "RollbackConfiguration": Values{},
		"Capabilities": cs.capabilities, "IncludeNestedStacks": false,
	}
	if cs.parameters != nil {
		v["Parameters"] = described(cs.parameters)
	}
	if cs.tags != nil {
		v["Tags"] = cs.tags
	}
	for name, text := range map[string]string{"StatusReason": cs.reason, "Description": cs.description, "OnStackFailure": cs.onFailure} {
		if text != "" {
			v[name] = text
		}
	}
	return v
}

// list returns the changes by logical ID.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
func (cs *changeSet) list(values bool) []Values {
	var all []Values
	for _, name := range slices.Sorted(maps.Keys(cs.changes.resources)) {
		all = append(all, Values{"Type": "Resource", "ResourceChange": cs.describeChange(name, values)})
	}
	return all
}

func (cs *changeSet) describeChange(name string, values bool) Values {
	change := cs.changes.resources[name]
	t := cs.template
	if change.action == "Remove" {
		t = cs.changes.old
	}
	v := Values{"Action": change.action, "LogicalResourceId": name, "ResourceType": t.kind(name), "Scope": scopeOf(change.details), "Details": shown(change.details, values)}
	if r := cs.stack.resources[name]; r != nil && change.action != "Add" {
		v["PhysicalResourceId"] = r.physicalID
	}
	if change.replacement != "" {
		v["Replacement"] = change.replacement
	}
	switch {
	case change.action == "Remove":
		v["PolicyAction"] = cmp.Or(textOf(t.resource(name), "DeletionPolicy"), "Delete")
	case change.replacement == "True" || change.replacement == "Conditional":
		v["PolicyAction"] = "ReplaceAnd" + cmp.Or(textOf(t.resource(name), "UpdateReplacePolicy"), "Delete")
	}
	for name, context := range map[string]map[string]any{"BeforeContext": change.before, "AfterContext": change.after} {
		if values && context != nil {
			text, _ := json.Marshal(context) // of a template: always JSON
			v[name] = string(text)
		}
	}
	return v
}

func scopeOf(details []Values) []any {
	scope := []any{}
	for _, d := range details {
		if attribute := structOf(d, "Target")["Attribute"]; !slices.Contains(scope, attribute) {
			scope = append(scope, attribute)
		}
	}
	return scope
}

// shown are details with values, or without: then those that only differed in them are one.
func shown(details []Values, values bool) []any {
	all := []any{}
	for _, d := range details {
		d := maps.Clone(d)
		if !values {
			target := maps.Clone(structOf(d, "Target"))
			for _, name := range []string{"Path", "AttributeChangeType", "BeforeValue", "AfterValue"} {
				delete(target, name)
			}
			d["Target"] = target
		}
		if !slices.ContainsFunc(all, func(other any) bool { return reflect.DeepEqual(other, any(d)) }) {
			all = append(all, d)
		}
	}
	return all
}
