package cloudformation

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"image-builder/internal/testbed/wire"
)

func (c *Service) describeStackResources(call wire.Call) (wire.Values, error) {
	name := wire.Text(call.In, "StackName")
	s := c.find(name)
	if s == nil {
		return nil, invalid("Stack with id %s does not exist", name)
	}
	c.step(s)

	all := []any{}
	for _, r := range s.sorted() {
		if wanted := wire.Text(call.In, "LogicalResourceId"); wanted == "" || wanted == r.logicalID {
			all = append(all, r.describe(s, "Timestamp"))
		}
	}

	return wire.Values{"StackResources": all}, nil
}

// describe is a resource as the calls show it; calls is the call's own name for the time of the last event.
func (r *resource) describe(s *stack, timeName string) wire.Values {
	v := wire.Values{
		"StackId": s.id, "StackName": s.name, "LogicalResourceId": r.logicalID, "PhysicalResourceId": r.physicalID, "ResourceType": r.kind,
		timeName: r.updated, "ResourceStatus": r.status, "DriftInformation": wire.Values{"StackResourceDriftStatus": "NOT_CHECKED"},
	}
	return withReason(v, r.reason)
}

func (c *Service) describeStackResource(call wire.Call) (wire.Values, error) {
	name := wire.Text(call.In, "StackName")
	logicalID := wire.Text(call.In, "LogicalResourceId")

	s := c.find(name)
	if s == nil {
		return nil, invalid("Stack '%s' does not exist", name)
	}
	r := s.resources[logicalID]
	if r == nil {
		return nil, invalid("Resource %s does not exist for stack %s", logicalID, s.name)
	}

	v := r.describe(s, "LastUpdatedTimestamp")

	if metadata := s.template.resource(logicalID)["Metadata"]; metadata != nil {
		value, err := s.actual().Value(metadata)
		if err != nil {
			return nil, err
		}
		text, _ := json.Marshal(value) // of a template: always JSON
		v["Metadata"] = string(text)
	}

	return wire.Values{"StackResourceDetail": v}, nil
}

func (c *Service) listStackResources(call wire.Call) (wire.Values, error) {
	s := c.find(wire.Text(call.In, "StackName"))
	if s == nil {
		return nil, invalid("Stack with id %s does not exist", wire.Text(call.In, "StackName"))
	}
	var all []wire.Values
	for _, r := range s.sorted() {
		v := r.describe(s, "LastUpdatedTimestamp")
		delete(v, "StackId")
		delete(v, "StackName")
		all = append(all, v)
	}

	page, next := c.page(all, wire.Text(call.In, "NextToken"))
	return wire.Values{"StackResourceSummaries": page, "NextToken": next}, nil
}

func (c *Service) getTemplate(call wire.Call) (wire.Values, error) {
	t, err := c.templateOf(call.In)
	if err != nil {
		return nil, err
	}
	return wire.Values{"TemplateBody": t.text, "StagesAvailable": []any{"Original", "Processed"}}, nil
}

// templateOf is the template of the change set or the stack that a request names.
func (c *Service) templateOf(in wire.Values) (*template, error) {
	if wire.Text(in, "ChangeSetName") != "" {
		cs, err := c.named(in)
		if err != nil {
			return nil, err
		}
		return cs.template, nil
	}

	s := c.find(wire.Text(in, "StackName"))
	if s == nil || s.template == nil {
		return nil, invalid("Stack with id %s does not exist", wire.Text(in, "StackName"))
	}

	return s.template, nil
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplateSummary.html
func (c *Service) getTemplateSummary(call wire.Call) (wire.Values, error) {
	var t *template
	var err error

	if wire.Text(call.In, "StackName") != "" {
		t, err = c.templateOf(call.In)
	} else {
		t, err = c.given(call.In, nil)
	}

	if err != nil {
		return nil, err
	}
	v := wire.Values{"Parameters": t.declarations(), "ResourceTypes": t.kinds()}

	if t.description != "" {
		v["Description"] = t.description
	}

	if version := wire.Text(t.data, "AWSTemplateFormatVersion"); version != "" {
		v["Version"] = version
	}

	if needed := t.capability(); needed != "" {
		v["Capabilities"] = []any{needed}
		v["CapabilitiesReason"] = "The following resource(s) require capabilities: [" + strings.Join(t.iam(), ", ") + "]"
	}

	return v, nil
}

func (t *template) declarations() []any {
	all := []any{}
	for _, name := range slices.Sorted(maps.Keys(t.data.Section("Parameters"))) {
		body := wire.Struct(t.data.Section("Parameters"), name)
		v := wire.Values{"ParameterKey": name, "ParameterType": wire.Text(body, "Type"), "NoEcho": Written(body["NoEcho"]) == "true"}

		if body["Default"] != nil {
			v["DefaultValue"] = Written(body["Default"])
		}

		if text := wire.Text(body, "Description"); text != "" {
			v["Description"] = strings.TrimSpace(text)
		}

		if values, ok := body["AllowedValues"].([]any); ok {
			allowed := []any{}
			for _, value := range values {
				allowed = append(allowed, Written(value))
			}
			v["ParameterConstraints"] = wire.Values{"AllowedValues": allowed}
		}

		all = append(all, v)
	}

	return all
}

func (t *template) kinds() []any {
	all := []any{}
	for _, name := range slices.Sorted(maps.Keys(t.data.Section("Resources"))) {
		if kind := any(t.kind(name)); !slices.Contains(all, kind) {
			all = append(all, kind)
		}
	}
	return all
}

// iam are the types that need a capability.
func (t *template) iam() []string {
	var all []string
	for _, kind := range t.kinds() {
		if text := kind.(string); strings.HasPrefix(text, "AWS::IAM::") {
			all = append(all, text)
		}
	}
	return all
}
