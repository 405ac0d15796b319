package stacktest_test

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/testbed/imagebuilder"
	"image-builder/internal/testbed/ssm"
	"image-builder/internal/testbed/wire"
)

// TestTheDeployedStackTellsOfItsImages deploys the template in the strict server, whose Image Builder then builds. Events,
// state machines, topics and queues are moto's, made of what CloudFormation made of the template.
func TestTheDeployedStackTellsOfItsImages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	outputs := w.deploy(t)

	queues := []string{"OutputTopic", "FailureTopic"}
	for _, name := range queues {
		w.moto.do(t, "sqs", "create_queue", object{"QueueName": name, "Attributes": unseen})
		w.moto.do(t, "sns", "subscribe", object{
			"TopicArn": outputs[name], "Protocol": "sqs", "Endpoint": "arn:aws:sqs:eu-central-1:123456789012:" + name,
			"Attributes": object{"RawMessageDelivery": "true"},
		})
	}

	for _, test := range []struct {
		name   string
		script imagebuilder.Script
	}{
		{"an image", imagebuilder.Script{}},
		{"a build that fails", imagebuilder.Script{FailIn: "BUILDING", Reason: `Document "x" failed`}},
		{"tests that fail", imagebuilder.Script{FailIn: "TESTING"}},
		{"another image", imagebuilder.Script{}},
	} {
		w.ImageBuilder.Next(test.script)
		arn := w.ImageBuilder.RunScheduled(outputs["Pipeline"])
		w.ImageBuilder.Finish(arn)

		image, _ := w.ImageBuilder.Image(arn)
		for range 2 { // EventBridge may deliver an event more than once
			if err := w.event(image); err != nil {
				t.Fatal(err)
			}
		}

		slices.SortFunc(w.machines, func(a, b string) int { return strings.Compare(path.Base(b), path.Base(a)) }) // Watch, Announce
		if err := w.moto.settle(t, w.machines...); err != nil {
			t.Fatal(err)
		}
		for _, ami := range w.EC2.AMIs() {
			if ami.ID == image.AMI && ami.IMDS != "v2.0" && test.script.FailIn == "" {
				t.Errorf("%s: the AMI takes requests without a token", test.name)
			}
		}
		want := map[string][]string{"OutputTopic": {`{"event": "NewImage", "NewImage": {"ami": "` + image.AMI + `"}}`}, "FailureTopic": nil}

		if test.script.FailIn != "" {
			told, err := json.Marshal(image.Reason)
			if err != nil || image.Reason == "" {
				t.Fatal(image, err)
			}
			message := `{"event":"ImageFailed","ImageFailed":{"pipeline":"` + outputs["Pipeline"] + `","image":"` + arn + `","reason":` + string(told) + `}}`
			want = map[string][]string{"OutputTopic": nil, "FailureTopic": {message, message}} // once for each event
		}

		got := map[string][]string{}
		for _, name := range queues {
			got[name] = w.moto.queue(t, name)
		}

		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// deploy makes a stack of the template and returns its outputs.
func (w *world) deploy(t *testing.T) map[string]string {
	t.Helper()
	w.SSM.Put(ssm.Parameter{Name: "/buildkite/base-ami", Type: "String", Value: w.base})

	if err := w.S3.CreateBucket("templates", wire.Account); err != nil {
		t.Fatal(err)
	}
	if err := w.S3.Put("templates", "aws-stack.yml", rendered(t)); err != nil {
		t.Fatal(err)
	}

	_, err := w.Do("cloudformation", "CreateStack", wire.Values{
		"StackName": "Nightly-AMI", "TemplateURL": "https://templates.s3.eu-central-1.amazonaws.com/aws-stack.yml", "Capabilities": []any{"CAPABILITY_IAM"},
		"Parameters": []any{
			wire.Values{"ParameterKey": "BaseAmiParameter", "ParameterValue": "/buildkite/base-ami"},
			wire.Values{"ParameterKey": "OutputAmiParameter", "ParameterValue": "/buildkite/agent-ami"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}

	for range 1000 {
		out, err := w.Do("cloudformation", "DescribeStacks", wire.Values{"StackName": "Nightly-AMI"})
		if err != nil {
			t.Fatal(err)
		}
		stack := asList(out["Stacks"])[0]
		switch stack["StackStatus"] {
		case "CREATE_IN_PROGRESS":
			continue
		case "CREATE_COMPLETE":
			outputs := map[string]string{}
			for _, output := range asList(stack["Outputs"]) {
				outputs[output["OutputKey"].(string)] = output["OutputValue"].(string)
			}
			return outputs
		}

		t.Fatal(stack)
	}

	t.Fatal("the stack is never done")
	return nil
}
