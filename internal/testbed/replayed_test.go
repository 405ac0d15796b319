package testbed

import (
	"maps"
	"strings"
	"testing"

	"image-builder/internal/testbed/wire"
)

// replayed are all steps, by the recording's file and name.
func replayed() map[string]func(*replay) {
	all := map[string]func(*replay){}
	add := func(file string, steps map[string]func(*replay)) {
		for name, do := range steps {
			all[file+"/"+name] = do
		}
	}

	add("changesets", replayedChangeSets)
	add("stacks", replayedStacks)

	for _, order := range []string{"A-B-C", "A-C-B", "B-A-C", "B-C-A", "C-A-B", "C-B-A"} {
		all["stacks/test_stack_deploy_order["+order+"]"] = func(r *replay) { r.order(strings.Split(order, "-")...) }
	}

	for _, text := range []string{topicsYAML, topicsJSON} {
		format := map[bool]string{true: "yaml", false: "json"}[text == topicsYAML]
		all["stacks/test_get_template_using_create_stack["+format+"]"] = func(r *replay) {
			r.do("CreateStack", wire.Values{"StackName": r.stack, "TemplateBody": text})
			r.template()
		}
		all["stacks/test_get_template_using_changesets["+format+"]"] = func(r *replay) {
			r.deploy(text, nil)
			r.template()
		}
	}

	for name, do := range replayedUpdates {
		all[fileOf(name)+"/"+name] = do
	}

	for name, p := range replayedPairs {
		all[name] = p.replay
	}

	for name, p := range replayedFunctions {
		all[name] = p.replay
	}

	return all
}

// These recordings contain the text of their templates.
const (
	topicsYAML = "Resources:\n  topic69831491:\n    Type: AWS::SNS::Topic\nOutputs:\n  TopicName:\n    Value:\n      Fn::GetAtt:\n        - topic69831491\n        - TopicName\n"
	topicsJSON = `{"Resources": {"topic69831491": {"Type": "AWS::SNS::Topic"}}, "Outputs": {"TopicName": {"Value": {"Fn::GetAtt": ["topic69831491", "TopicName"]}}}}`
)

func (r *replay) template() {
	r.wait(r.stack, "CREATE_COMPLETE")
	for key, stage := range map[string]string{"template_original": "Original", "template_processed": "Processed"} {
		r.is(key, r.do("GetTemplate", wire.Values{"StackName": r.stack, "TemplateStage": stage}))
	}
}

func fileOf(name string) string {
	switch {
	case strings.HasPrefix(name, "test_invalid"), strings.HasPrefix(name, "test_missing"), strings.HasPrefix(name, "test_resources"):
		return "validations"
	case strings.HasPrefix(name, "test_stack"), strings.HasPrefix(name, "test_no_echo"):
		return "stacks"
	case strings.Contains(name, "parameter_type"), strings.Contains(name, "between"):
		return "dynamic_resolving"
	}
	return "update_stack"
}

// The test must compare at least this many recordings and answers: a checkout of LocalStack has more.
const fewestRecordings, fewestAnswers = 62, 177

// The server answers as AWS did.
func TestAnswersAsAWSDid(t *testing.T) {
	t.Parallel()
	content := recorded(t)
	client := startForeign(t)
	steps := replayed()
	answers := 0
	maps.DeleteFunc(steps, func(name string, _ func(*replay)) bool { return content[name] == nil })

	for name := range steps {
		answers += len(content[name])
	}

	if len(steps) < fewestRecordings || answers < fewestAnswers {
		t.Errorf("%d recordings with %d answers are compared, want %d with %d", len(steps), answers, fewestRecordings, fewestAnswers)
	}
	t.Logf("%d recordings with %d answers", len(steps), answers)

	for name, do := range steps {
		t.Run(name, func(t *testing.T) {
			for _, difference := range newReplay(t, client, content[name]).run(do) {
				t.Error(difference)
			}
		})
	}
}

func newReplay(t *testing.T, client *foreign, content map[string]any) *replay {
	t.Helper()
	return &replay{cloud: Start(t), client: client, content: content, matcher: newMatcher(), matched: map[string]bool{}, stack: "some-stack"}
}
