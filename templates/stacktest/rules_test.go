package stacktest_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRulesPickTheirEvents gives the rules' patterns and events to moto's EventBridge, with a queue as target. For exact
// values and prefixes, which is all the patterns use, its answers are those of AWS.
func TestRulesPickTheirEvents(t *testing.T) {
	t.Parallel()
	moto := emulate(t)

	stack := deploy(t, least())
	for _, rule := range []string{"ImageRule", "DisabledRule"} {
		pattern, err := json.Marshal(at(t, stack, rule+"/EventPattern"))
		if err != nil {
			t.Fatal(err)
		}
		moto.do(t, "sqs", "create_queue", object{"QueueName": rule, "Attributes": unseen})
		moto.do(t, "events", "put_rule", object{"Name": rule, "EventPattern": string(pattern)})
		moto.do(t, "events", "put_targets", object{"Rule": rule, "Targets": []any{object{"Id": "queue", "Arn": "arn:aws:sqs:eu-central-1:123456789012:" + rule}}})
	}

	const source, state, off = "aws.imagebuilder", "EC2 Image Builder Image State Change", "EC2 Image Builder Image Pipeline Automatically Disabled"
	available := `{"previous-state": {"status": "DISTRIBUTING"}, "state": {"status": "AVAILABLE"}}`

	disabled := `{"consecutive-failures": "5"}`
	for name, test := range map[string]struct{ source, kind, resource, detail, rule string }{
		"available":                  {source, state, imageARN, available, "ImageRule"},
		"failed":                     {source, state, imageARN, strings.ReplaceAll(available, "AVAILABLE", "FAILED"), "ImageRule"},
		"another version":            {source, state, strings.Replace(imageARN, "1.0.4/1", "1.0.12/3", 1), available, "ImageRule"},
		"still testing":              {source, state, imageARN, strings.ReplaceAll(available, "AVAILABLE", "TESTING"), ""},
		"available before":           {source, state, imageARN, `{"previous-state": {"status": "AVAILABLE"}, "state": {"status": "DELETED"}}`, ""},
		"cancelled":                  {source, state, imageARN, strings.ReplaceAll(available, "AVAILABLE", "CANCELLED"), ""},
		"another recipe's":           {source, state, strings.Replace(imageARN, "nightly-ami", "weekly-ami", 1), available, ""},
		"a recipe whose name begins": {source, state, strings.Replace(imageARN, "nightly-ami", "nightly-ami-2", 1), available, ""},
		"another account's":          {source, state, strings.Replace(imageARN, "123456789012", "210987654321", 1), available, ""},
		"another region's":           {source, state, strings.Replace(imageARN, "eu-central-1", "us-east-1", 1), available, ""},
		"something else's":           {"aws.ec2", state, imageARN, available, ""},
		"a finding in the image":     {source, "EC2 Image Builder CVE Detected", imageARN, `{"resource-id": "i-1234567890"}`, ""},
		"the schedule is off":        {source, off, pipelineARN, disabled, "DisabledRule"},
		"another schedule is off":    {source, off, pipelineARN + "-2", disabled, ""},
	} {
		t.Run(name, func(t *testing.T) {
			moto.do(t, "events", "put_events", object{"Entries": []any{object{
				"Source": test.source, "DetailType": test.kind, "Resources": []string{test.resource}, "Detail": test.detail,
			}}})
			want := map[string]any{}

			if test.rule != "" {
				want[test.rule] = test.resource
			}

			got := map[string]any{}
			for _, rule := range []string{"ImageRule", "DisabledRule"} {
				for _, body := range moto.queue(t, rule) {
					got[rule] = decode(t, body).(object)["resources"].([]any)[0]
				}
			}

			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("rules that pick it (-want +got):\n%s", diff)
			}
		})
	}
}
