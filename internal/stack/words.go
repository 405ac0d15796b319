package stack

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"
)

// nouns maps resource types to what people call them.
var nouns = map[string]string{
	"AWS::CloudWatch::Alarm":                         "alarm",
	"AWS::EC2::InternetGateway":                      "internet gateway",
	"AWS::EC2::NetworkInterface":                     "network interface",
	"AWS::EC2::Route":                                "route",
	"AWS::EC2::RouteTable":                           "route table",
	"AWS::EC2::SecurityGroup":                        "security group",
	"AWS::EC2::Subnet":                               "subnet",
	"AWS::EC2::SubnetRouteTableAssociation":          "subnet's route table",
	"AWS::EC2::VPC":                                  "VPC",
	"AWS::EC2::VPCGatewayAttachment":                 "gateway's attachment",
	"AWS::Events::Rule":                              "event rule",
	"AWS::IAM::InstanceProfile":                      "instance profile",
	"AWS::IAM::Role":                                 "role",
	"AWS::IAM::RolePolicy":                           "role's policy",
	"AWS::ImageBuilder::Component":                   "component",
	"AWS::ImageBuilder::DistributionConfiguration":   "distribution configuration",
	"AWS::ImageBuilder::ImagePipeline":               "image pipeline",
	"AWS::ImageBuilder::ImageRecipe":                 "image recipe",
	"AWS::ImageBuilder::InfrastructureConfiguration": "infrastructure configuration",
	"AWS::ImageBuilder::LifecyclePolicy":             "lifecycle policy",
	"AWS::Logs::LogGroup":                            "log group",
	"AWS::SNS::Topic":                                "topic",
	"AWS::SQS::Queue":                                "queue",
	"AWS::SQS::QueuePolicy":                          "queue policy",
	"AWS::StepFunctions::StateMachine":               "state machine",
}

// Noun returns what people call a resource type: "image pipeline" for AWS::ImageBuilder::ImagePipeline.
func Noun(kind string) string {
	if noun := nouns[kind]; noun != "" {
		return noun
	}
	name := []rune(kind[strings.LastIndex(kind, ":")+1:])

	var text strings.Builder
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) && !unicode.IsUpper(name[i-1]) {
			text.WriteByte(' ')
		}
		text.WriteRune(unicode.ToLower(r))
	}

	return text.String()
}

// Subject names a resource for people: "image pipeline Pipeline".
func (c Change) Subject() string { return Noun(c.Type) + " " + c.LogicalID }

// Subject names the event's resource for people.
func (e Event) Subject() string { return Noun(e.Type) + " " + e.LogicalID }

// Replaced reports whether CloudFormation makes the resource again and deletes the old one. Conditional replacements
// don't count.
func (c Change) Replaced() bool { return c.Action == "Modify" && c.Replacement == "True" }

// Group lists the resources that the same thing happens to.
type Group struct {
	Title   string
	Changes []Change
}

// Groups sorts changes by what happens: created, changed, replaced, removed. It leaves out empty groups.
func Groups(changes []Change) []Group {
	groups := []Group{{Title: "created"}, {Title: "changed"}, {Title: "REPLACED by a new one, and the old one deleted"}, {Title: "removed"}, {Title: "no longer part of the stack, but not deleted"}}
	for _, c := range changes {
		at := 1
		switch {
		case c.Action == "Add" || c.Action == "Import":
			at = 0
		case c.Replaced():
			at = 2
		case c.Action == "Remove" && c.Policy == "Retain":
			at = 4
		case c.Action == "Remove":
			at = 3
		}
		groups[at].Changes = append(groups[at].Changes, c)
	}

	var filled []Group
	for _, g := range groups {
		if len(g.Changes) > 0 {
			filled = append(filled, g)
		}
	}

	return filled
}

// Sentence says what happens to a resource: what changes, why, and what a replacement means.
func (c Change) Sentence() string {
	var parts []string
	if meaning := c.meaning(); meaning != "" {
		parts = append(parts, meaning)
	}

	if reasons := c.reasons(); reasons != "" {
		parts = append(parts, reasons)
	}

	if len(parts) == 0 {
		return c.Subject()
	}
	return c.Subject() + ": " + strings.Join(parts, "; ")
}

// meaning says what a replacement means for this type of resource.
func (c Change) meaning() string {
	switch {
	case c.Action == "Modify" && c.Replacement == "Conditional":
		return "may be replaced"
	case !c.Replaced():
		return ""
	}

	switch c.Type {
	case "AWS::ImageBuilder::ImageRecipe", "AWS::ImageBuilder::Component":
		return "a new version, as with every change of it"
	case "AWS::Logs::LogGroup":
		return "the old one goes with the logs in it"
	}

	return ""
}

// Warning says what a change breaks outside the stack; "" if nothing.
func (c Change) Warning() string {
	if !c.Replaced() && c.Action != "Remove" {
		return ""
	}
	switch {
	case c.Type == "AWS::SNS::Topic" && c.Action == "Remove":
		return fmt.Sprintf("topic %s is removed with its subscriptions, and no other takes its place", c.LogicalID)
	case c.Type == "AWS::ImageBuilder::ImagePipeline" && c.Action == "Remove":
		return "whatever starts the image pipeline by its ARN finds it no longer"
	case c.Type == "AWS::SNS::Topic":
		return fmt.Sprintf("subscribers of topic %s will stop receiving messages: subscribe to the new topic, which the output %s names", c.LogicalID, c.LogicalID)
	case c.Type == "AWS::ImageBuilder::ImagePipeline":
		return "whatever starts the image pipeline by its ARN needs the new one, which the output Pipeline names"
	}
	return ""
}

// reasons lists the changed attributes of an existing resource, each once.
func (c Change) reasons() string {
	if c.Action == "Add" || c.Action == "Remove" {
		return ""
	}
	var names, said []string

	merged := map[string]Detail{}
	for _, d := range c.Details {
		known, there := merged[d.name()]
		if !there {
			names = append(names, d.name())
		}
		merged[d.name()] = known.with(d)
	}

	for _, name := range names {
		said = append(said, merged[name].sentence())
	}

	return strings.Join(said, ", ")
}

// with merges another detail of the same attribute: CloudFormation reports each cause and each value separately.
func (d Detail) with(other Detail) Detail {
	d.Path, d.Before, d.After = other.Path, cmp.Or(d.Before, other.Before), cmp.Or(d.After, other.After)
	if d.Cause == "" {
		d.Cause = other.Cause
		d.Source = other.Source
	}
	return d
}

// name is the attribute's path without the prefix that all paths share.
func (d Detail) name() string { return strings.TrimPrefix(d.Path, "/Properties/") }

// sentence says how one attribute changes: "InstanceTypes/0 t3.large → t3.xlarge (InstanceType)", where InstanceType is the
// parameter that makes it change, or "ImageRecipeArn follows Recipe".
func (d Detail) sentence() string {
	text := d.name()
	before := readable(d.Before)

	after := readable(d.After)
	if before != "" && after != "" {
		text += " " + before + " → " + after
	}

	switch {
	case d.Cause == "":
		return text
	case strings.HasPrefix(d.Source, "Resource"): // the new value is unknown until the other resource exists
		return text + " follows " + d.Cause
	}

	return text + " (" + d.Cause + ")"
}

// longest is how many characters of a value are shown.
const longest = 60

// readable returns a value that fits in a sentence, or "".
func readable(value string) string {
	unknown := strings.Contains(value, "{{changeSet:KNOWN_AFTER_APPLY}}")
	if unknown || len([]rune(value)) > longest || strings.ContainsFunc(value, unicode.IsControl) {
		return ""
	}
	return value
}
