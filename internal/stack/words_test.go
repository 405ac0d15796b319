package stack

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/templates"
)

func TestSentences(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change        Change
		want, warning string
	}{
		"created": {
			change: Change{Action: "Add", LogicalID: "Pipeline", Type: "AWS::ImageBuilder::ImagePipeline"},
			want:   "image pipeline Pipeline",
		},
		"a value": {
			change: Change{
				Action: "Modify", LogicalID: "Infrastructure", Type: "AWS::ImageBuilder::InfrastructureConfiguration", Replacement: "False",
				Details: []Detail{{Path: "/Properties/InstanceTypes/0", Before: "t3.large", After: "m7i.large", Source: "ParameterReference", Cause: "InstanceType"}},
			},
			want: "infrastructure configuration Infrastructure: InstanceTypes/0 t3.large → m7i.large (InstanceType)",
		},
		"a new version": {
			change: Change{
				Action: "Modify", LogicalID: "Recipe", Type: "AWS::ImageBuilder::ImageRecipe", Replacement: "True",
				Details: []Detail{{Path: "Components", Source: "ParameterReference", Cause: "GitMirrors", Recreation: "Always"}},
			},
			want: "image recipe Recipe: a new version, as with every change of it; Components (GitMirrors)",
		},
		"the same attribute twice": {
			change: Change{
				Action: "Modify", LogicalID: "Pipeline", Type: "AWS::ImageBuilder::ImagePipeline",
				Details: []Detail{{Path: "ImageRecipeArn", Source: "DirectModification"}, {Path: "ImageRecipeArn", Source: "ResourceReference", Cause: "Recipe"}},
			},
			want: "image pipeline Pipeline: ImageRecipeArn follows Recipe",
		},
		"a value and its cause apart": {
			change: Change{
				Action: "Modify", LogicalID: "Topic", Type: "AWS::SNS::Topic", Replacement: "False",
				Details: []Detail{
					{Path: "/Properties/DisplayName", Source: "ParameterReference", Cause: "Title"},
					{Path: "/Properties/DisplayName", Before: "a", After: "b", Source: "DirectModification"},
				},
			},
			want: "topic Topic: DisplayName a → b (Title)",
		},
		"what is known later": {
			change: Change{
				Action: "Modify", LogicalID: "Pipeline", Type: "AWS::ImageBuilder::ImagePipeline",
				Details: []Detail{{Path: "/Properties/ImageRecipeArn", Before: "arn:1", After: "{{changeSet:KNOWN_AFTER_APPLY}}", Source: "ResourceReference", Cause: "Recipe"}},
			},
			want: "image pipeline Pipeline: ImageRecipeArn follows Recipe",
		},
		"a topic that is lost": {
			change:  Change{Action: "Modify", LogicalID: "OutputTopic", Type: "AWS::SNS::Topic", Replacement: "True"},
			want:    "topic OutputTopic",
			warning: "subscribers of topic OutputTopic will stop receiving messages: subscribe to the new topic, which the output OutputTopic names",
		},
		"a topic that is removed": {
			change:  Change{Action: "Remove", LogicalID: "PipelineTopic", Type: "AWS::SNS::Topic", Policy: "Delete"},
			want:    "topic PipelineTopic",
			warning: "topic PipelineTopic is removed with its subscriptions, and no other takes its place",
		},
		"a pipeline that is removed": {
			change:  Change{Action: "Remove", LogicalID: "Pipeline", Type: "AWS::ImageBuilder::ImagePipeline"},
			want:    "image pipeline Pipeline",
			warning: "whatever starts the image pipeline by its ARN finds it no longer",
		},
		"may be replaced": {
			change: Change{Action: "Modify", LogicalID: "Queue", Type: "AWS::SQS::QueuePolicy", Replacement: "Conditional"},
			want:   "queue policy Queue: may be replaced",
		},
		"a document": {
			change: Change{
				Action: "Modify", LogicalID: "C", Type: "AWS::ImageBuilder::Component", Replacement: "True",
				Details: []Detail{{Path: "/Properties/Data", Before: "phases:\n  - a", After: "phases:\n  - b", Source: "DirectModification"}},
			},
			want: "component C: a new version, as with every change of it; Data",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, test.change.Sentence()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.warning, test.change.Warning()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	var titles []string
	for _, g := range Groups([]Change{
		{Action: "Remove"},
		{Action: "Modify", Replacement: "Conditional"},
		{Action: "Modify", Replacement: "True"},
		{Action: "Add"},
		{Action: "Dynamic"},
		{Action: "Remove", Policy: "Retain"},
	}) {
		titles = append(titles, g.Title)
	}
	if diff := cmp.Diff([]string{"created", "changed", "REPLACED by a new one, and the old one deleted", "removed", "no longer part of the stack, but not deleted"}, titles); diff != "" {
		t.Error(diff)
	}
}

// Every resource type of the template has a noun, and every noun belongs to a type of the template.
func TestNounsAreThoseOfTheTemplate(t *testing.T) {
	t.Parallel()
	text, err := templates.Stack()
	if err != nil {
		t.Fatal(err)
	}
	inTemplate := map[string]bool{}
	for _, found := range regexp.MustCompile(`(?m)^    Type: (AWS::\w+::\w+)$`).FindAllSubmatch(text, -1) {
		inTemplate[string(found[1])] = true
	}

	inTemplate["AWS::ImageBuilder::LifecyclePolicy"] = true // of earlier templates, whose stacks are updated

	named := map[string]bool{}
	for kind := range nouns {
		named[kind] = true
	}

	if diff := cmp.Diff(inTemplate, named); diff != "" {
		t.Error(diff)
	}
}
