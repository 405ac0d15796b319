package stacktest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/testbed/cloudformation/intrinsic"
)

// TestMessagesInAnotherInterpreter executes the machines as deployed in moto's Step Functions, for the same occasions
// as TestMessages: it reads the parameter from moto's SSM, and what its SNS has delivered from a queue of its SQS.
func TestMessagesInAnotherInterpreter(t *testing.T) {
	t.Parallel()
	moto := emulate(t)

	for name, test := range occasions(t) {
		t.Run(name, func(t *testing.T) {
			want := test.want
			got, err := moto.messages(t, template(t), &test.account, test.events)
			if err != nil {
				t.Fatal(err)
			}

			if test.account.refuse != nil { // services word their refusals in their own way
				want, got = untilRefusal(want), untilRefusal(got)
			}

			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
		})
	}
}

// wrongMachines are templates whose state machines have one fault each: text that is replaced, by what, and the occasion
// on which both interpreters must notice it.
var wrongMachines = []struct{ name, old, new, occasion string }{
	{"another message", `{\"event\": \"NewImage\"`, `{\"event\":\"NewImage\"`, "a new image"},
	{"an event that is no longer there", "Input: {ami: '{% $amis[0] %}', image: '{% $image %}'}", "Input: {ami: '{% $amis[0] %}', image: '{% $states.input.resources[0] %}'}", "a new image"},
	{"no patience", "- Condition: '{% $tries >= 30 %}'", "- Condition: '{% $tries >= 1 %}'", "the parameter comes late"},
	{"every image is ours", "- Condition: '{% $not($ours) %}'", "- Condition: '{% $not(true) %}'", "another pipeline's"},
	{"a message before the parameter", "- Condition: '{% $found = $ami %}'", "- Condition: '{% true %}'", "the parameter never comes"},
	{"an event that comes twice", `"ExecutionAlreadyExists"`, `"AlreadyThere"`, "the event comes twice"},
	{"AMIs of other regions", `Amis[Region = "${Region}" and AccountId`, `Amis[AccountId`, "copies elsewhere"},
	{"each page of images by itself", "{% [$append($images, $states.result.ImageSummaryList", "{% [$append([], $states.result.ImageSummaryList", "old images"},
	{"the first page only", `- Condition: '{% $token != "" %}'`, `- Condition: '{% $token = "x" %}'`, "old images"},
	{"the oldest are kept", "^(>created)", "^(<created)", "old images"},
	{"one image too few", "$n >= ${Keep} }", "$n > ${Keep} }", "old images"},
	{"the AMI of the parameter is removed", " and $not($current in amis)", "", "old images"},
	{"what a tag protects is removed", "[$not(kept) and", "[$not(false) and", "old images"},
	{"failures go at once", "and created < $fromMillis(", "and created < $string($millis()) or $fromMillis(", "old images"},
	{"failures stay for ever", `["FAILED", "CANCELLED"]`, `["Failed"]`, "old images"},
	{"an AMI that was launched is removed", `"LastLaunched": {"Unit": "DAYS", "Value": ${LaunchedDays}}, `, "", "old images"},
	{"snapshots are left", `"Snapshots": true`, `"Snapshots": false`, "old images"},
	{"removals are not told", "- Condition: '{% $count($asked) + $count($troubles) > 0 %}'", "- Condition: '{% false %}'", "old images"},
	{"a failed image counts as new", `$states.result.ImageSummaryList[State.Status = "AVAILABLE"].$toMillis`, `$states.result.ImageSummaryList.$toMillis`, "a failed image is none"},
	{"the last page alone decides what is newest", "$max([$newest, $states", "$max([0, $states", "an image is new"},
	{"any age will do", "- Condition: '{% $millis() - $newest > ${Days} * 86400000 %}'", "- Condition: '{% $millis() - $newest > ${Days} * 86400000000 %}'", "an image is overdue"},
	{"a pipeline without an image is never overdue", "- Condition: '{% $newest = 0 %}'\n                Next: ReadPipeline", "- Condition: '{% $newest = 0 %}'\n                Next: Done", "the first image is overdue"},
	{"a new pipeline is overdue at once", "$toMillis($states.result.ImagePipeline.DateCreated)", "1", "the first image may yet come"},
	{"AMIs take requests without a token", `and "${Metadata}" = "required"`, `and "${Metadata}" = "always"`, "a new image"},
	{"another support than IMDSv2", "ImdsSupport: {Value: v2.0}", "ImdsSupport: {Value: v1.0}", "a new image"},
	{"an AMI that stays as it is is told all the same", "Error & \": \" & $states.errorOutput.Cause %}'}\n                Next: TellFailure\n            Next: TellNewImage", "Error & \": \" & $states.errorOutput.Cause %}'}\n                Next: TellNewImage\n            Next: TellNewImage", "an AMI that stays as it is"},
	{"a failure is not told", "- Condition: '{% $status = \"FAILED\" %}'", "- Condition: '{% $status = \"Failed\" %}'", "a failed image"},
}

func TestWrongMachinesAreNoticedByBothInterpreters(t *testing.T) {
	t.Parallel()
	moto := emulate(t)

	for _, wrong := range wrongMachines {
		t.Run(wrong.name, func(t *testing.T) {
			test := occasions(t)[wrong.occasion]
			machines := parse(t, edited(t, string(rendered(t)), wrong.old, wrong.new))
			for interpreter, run := range map[string]func(*testing.T, intrinsic.Template, *account, []any) ([]string, error){"ours": messages, "moto's": moto.messages} {
				got, err := run(t, machines, &test.account, test.events)
				t.Log(interpreter, got, err)
				if err == nil && cmp.Equal(test.want, got) {
					t.Errorf("%s interpreter notices nothing", interpreter)
				}
			}
		})
	}
}

// messages does in moto what the function of that name does in our interpreter.
func (e *emulator) messages(t *testing.T, template intrinsic.Template, a *account, events []any) ([]string, error) {
	t.Helper()
	stack, err := intrinsic.Deploy(template, a.parameters())
	if err != nil {
		t.Fatal(err)
	}
	a.t = t
	a.hardened = nil
	e.images.account = a
	e.reset(t)
	if err := e.prepare(t, stack, a); err != nil {
		return nil, err
	}

	for i, event := range events {
		if err := e.run(t, fmt.Sprint("event-", i), event); err != nil {
			return nil, err
		}
	}

	return append(a.requiring(), e.received(t)...), nil
}

// untilRefusal cuts off what a service says when it refuses.
func untilRefusal(messages []string) []string {
	var cut []string
	for _, message := range messages {
		before, _, refused := strings.Cut(message, "Exception")
		if refused {
			message = before[:strings.LastIndex(before, ": ")]
		}
		cut = append(cut, message)
	}
	return cut
}

// unseen keeps a queue from giving a message out again that was read.
var unseen = object{"VisibilityTimeout": "3600"}

// prepare makes topics, queues that hear them, the parameter with the values that it will have, and the machines.
func (e *emulator) prepare(t *testing.T, stack *intrinsic.Stack, a *account) error {
	t.Helper()
	for name, attributes := range map[string]object{"messages": {}, "raw": {"RawMessageDelivery": "true"}} {
		e.do(t, "sqs", "create_queue", object{"QueueName": name, "Attributes": unseen})
		for _, topic := range []string{"OutputTopic", "FailureTopic"} {
			if a.refuse[topic] != nil {
				continue // what is not there refuses
			}
			arn := e.do(t, "sns", "create_topic", object{"Name": topic})["TopicArn"]
			e.do(t, "sns", "subscribe", object{"TopicArn": arn, "Protocol": "sqs", "Endpoint": "arn:aws:sqs:eu-central-1:123456789012:" + name, "Attributes": attributes})
		}
	}

	for i, value := range a.parameter {
		put := object{"Name": at(t, stack, "Announce/DefinitionSubstitutions/Parameter"), "Value": value, "Type": "String", "Overwrite": true}
		switch {
		case value == "":
		case i == 0:
			e.do(t, "ssm", "put_parameter", put)
		default:
			e.later(t, "ssm", "put_parameter", put)
		}
	}

	for _, name := range []string{"Watch", "Announce", "Retire", "Overdue"} {
		definition, err := json.Marshal(at(t, stack, name+"/Definition"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.try("stepfunctions", "create_state_machine", object{
			"name": name, "type": at(t, stack, name+"/StateMachineType"), "definition": string(definition), "roleArn": "arn:aws:iam::123456789012:role/" + name,
		}); err != nil {
			return err
		}
	}

	return nil
}

// run executes the machine of an event, and waits for that and for what it starts.
func (e *emulator) run(t *testing.T, name string, event any) error {
	t.Helper()
	input, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	const prefix = "arn:aws:states:eu-central-1:123456789012:stateMachine:"
	e.do(t, "stepfunctions", "start_execution", object{"stateMachineArn": prefix + watchman(event), "name": name, "input": string(input)})
	return e.settle(t, prefix+"Watch", prefix+"Overdue", prefix+"Announce", prefix+"Retire")
}

// settle waits until no machine runs any more: all must have ended well.
func (e *emulator) settle(t *testing.T, machines ...string) error {
	t.Helper()
	if err := e.rest(); err != nil {
		return err
	}
	for _, machine := range machines {
		states := e.states(t, machine)
		if slices.ContainsFunc(states, func(s string) bool { return s != "SUCCEEDED" }) {
			return fmt.Errorf("executions of %s: %v", machine, states)
		}
	}

	return nil
}

func (e *emulator) states(t *testing.T, machine string) []string {
	t.Helper()
	var states []string
	executions := e.do(t, "stepfunctions", "list_executions", object{"stateMachineArn": machine})["executions"]
	for _, body := range executions.([]any) {
		states = append(states, body.(object)["status"].(string))
	}
	return states
}

// received reads what was published, topics by their last name.
func (e *emulator) received(t *testing.T) []string {
	t.Helper()
	var got, texts []string
	for _, body := range e.queue(t, "messages") {
		var notification struct{ TopicArn, Message string }
		if err := json.Unmarshal([]byte(body), &notification); err != nil {
			t.Fatal(err)
		}
		got = append(got, lastName(notification.TopicArn)+" "+notification.Message)
		texts = append(texts, notification.Message)
	}

	if diff := cmp.Diff(texts, e.queue(t, "raw")); diff != "" {
		t.Errorf("a queue with raw delivery gets something else (-envelope +raw):\n%s", diff)
	}
	return got
}

func (e *emulator) queue(t *testing.T, name string) []string {
	t.Helper()
	url := e.do(t, "sqs", "get_queue_url", object{"QueueName": name})["QueueUrl"]
	messages, _ := e.do(t, "sqs", "receive_message", object{"QueueUrl": url, "MaxNumberOfMessages": 10})["Messages"].([]any)
	var bodies []string
	for _, message := range messages {
		bodies = append(bodies, message.(object)["Body"].(string))
	}
	return bodies
}
