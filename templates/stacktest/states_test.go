package stacktest_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/testbed/cloudformation/intrinsic"
	"image-builder/internal/testbed/states"
)

const (
	imageARN    = "arn:aws:imagebuilder:eu-central-1:123456789012:image/nightly-ami/1.0.4/1"
	pipelineARN = "arn:aws:imagebuilder:eu-central-1:123456789012:image-pipeline/nightly-ami"
	contract    = `{"event": "NewImage", "NewImage": {"ami": "ami-0123456789abcdef0"}}`
)

// event is one of Image Builder's, as documented.
// https://docs.aws.amazon.com/imagebuilder/latest/userguide/integ-eventbridge.html
func event(t *testing.T, status string) any {
	t.Helper()
	return decode(t, `{"version": "0", "id": "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111", "detail-type": "EC2 Image Builder Image State Change",
		"source": "aws.imagebuilder", "account": "123456789012", "time": "2026-01-18T17:50:56Z", "region": "eu-central-1",
		"resources": ["`+imageARN+`"], "detail": {"previous-state": {"status": "TESTING"}, "state": {"status": "`+status+`"}}}`)
}

func decode(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// account stands for the services that the state machines call, and remembers what was published.
type account struct {
	t            *testing.T
	given        map[string]string // parameters of the stack besides those that it runs with
	image        string            // answer of GetImage
	images       []string          // pages of the answer of ListImagePipelineImages
	made         string            // when the pipeline was
	parameter    []string
	refuse       map[string]error
	start        func(machine string, input any) error
	names        map[string]bool
	published    []string // topic, then message
	hardened     []string // AMIs that require IMDSv2
	parameterAsk int
}

// parameters are those of the account's stack.
func (a *account) parameters() map[string]string {
	all := running()
	maps.Copy(all, a.given)
	return all
}

func (a *account) call(resource string, arguments any) (any, error) {
	in := arguments.(map[string]any)
	if err := a.refuse[resource]; err != nil {
		return nil, err
	}

	switch resource {
	case "aws-sdk:imagebuilder:getImage":
		if in["ImageBuildVersionArn"] != imageARN {
			a.t.Errorf("GetImage of %v", in)
		}
		return decode(a.t, a.image), nil

	case "aws-sdk:ssm:getParameter":
		value := ""
		if len(a.parameter) > 0 {
			value = a.parameter[min(a.parameterAsk, len(a.parameter)-1)]
		}
		a.parameterAsk++
		if value == "" {
			return nil, &states.Failure{Name: "Ssm.ParameterNotFoundException", Cause: "no such parameter"}
		}
		return map[string]any{"Parameter": map[string]any{"Name": in["Name"], "Value": value}}, nil

	case "sns:publish":
		if err := a.refuse[lastName(in["TopicArn"].(string))]; err != nil {
			return nil, err
		}
		a.published = append(a.published, in["TopicArn"].(string)+" "+in["Message"].(string))
		return map[string]any{"MessageId": "1"}, nil

	case "aws-sdk:imagebuilder:listImagePipelineImages", "aws-sdk:imagebuilder:startResourceStateUpdate", "aws-sdk:imagebuilder:deleteImage", "aws-sdk:imagebuilder:getImagePipeline":
		return a.retire(resource[strings.LastIndex(resource, ":")+1:], in)

	case "aws-sdk:ec2:modifyImageAttribute":
		if !cmp.Equal(in["ImdsSupport"], any(map[string]any{"Value": "v2.0"})) {
			return nil, &states.Failure{Name: "Ec2.InvalidParameterValueException", Cause: "no such support"}
		}
		a.hardened = append(a.hardened, in["ImageId"].(string))
		return map[string]any{}, nil

	case "states:startExecution":
		name := in["StateMachineArn"].(string) + " " + in["Name"].(string)
		if a.names[name] {
			return nil, &states.Failure{Name: "StepFunctions.ExecutionAlreadyExistsException", Cause: "Execution Already Exists: " + name}
		}
		a.names[name] = true
		return map[string]any{}, a.start(lastName(in["StateMachineArn"].(string)), in["Input"])
	}

	a.t.Errorf("the machine calls %s", resource)
	return nil, errors.New("no such service")
}

func built(pipeline, amis string) string {
	return `{"Image": {"Arn": "` + imageARN + `", "SourcePipelineArn": "` + pipeline + `", "State": {"Status": "AVAILABLE"},
		"OutputResources": {"Amis": [` + amis + `]}}, "RequestId": "r"}`
}

const (
	ownAMI   = `{"Region": "eu-central-1", "AccountId": "123456789012", "Image": "ami-0123456789abcdef0", "Name": "n"}`
	farAMI   = `{"Region": "us-east-1", "AccountId": "123456789012", "Image": "ami-1", "Name": "n"}`
	otherAMI = `{"Region": "eu-central-1", "AccountId": "210987654321", "Image": "ami-2", "Name": "n"}`
)

// occasion is what happens in an account, and what the topics must get for it, each by its last name.
type occasion struct {
	account account
	events  []any
	want    []string
}

// watchman is the machine that an event starts: that of the rule that picks it.
func watchman(event any) string {
	if event.(map[string]any)["detail-type"] == "Scheduled Event" {
		return "Overdue"
	}
	return "Watch"
}

// running are the parameters of the stack whose machines are run: every one of them exists.
func running() map[string]string { return with("AlarmAfterDays", "3") }

func occasions(t *testing.T) map[string]occasion {
	t.Helper()
	failed := `{"Image": {"SourcePipelineArn": "` + pipelineARN + `", "State": {"Status": "FAILED", "Reason": "Document \"x\" failed!"}}}`
	disabled := decode(t, `{"detail-type": "EC2 Image Builder Image Pipeline Automatically Disabled", "source": "aws.imagebuilder",
		"resources": ["`+pipelineARN+`"], "detail": {"consecutive-failures": "5"}}`)
	denied := map[string]error{"aws-sdk:imagebuilder:getImage": &states.Failure{Name: "Imagebuilder.ForbiddenException", Cause: "denied"}}
	mute := map[string]error{"OutputTopic": &states.Failure{Name: "SNS.AuthorizationErrorException", Cause: "denied"}}
	fixed := map[string]error{"aws-sdk:ec2:modifyImageAttribute": &states.Failure{Name: "Ec2.UnauthorizedOperationException", Cause: "denied"}}
	holds := []string{"ami-0123456789abcdef0"}
	day := decode(t, `{"detail-type": "Scheduled Event", "source": "aws.events", "resources": ["arn:aws:events:eu-central-1:123456789012:rule/overdue"], "detail": {}}`)
	hidden := map[string]error{"aws-sdk:imagebuilder:listImagePipelineImages": &states.Failure{Name: "Imagebuilder.ForbiddenException", Cause: "denied"}}
	const fresh = "2099-01-01T03:30:00.000Z"
	news := "OutputTopic " + contract
	failure := func(image, reason string) string {
		return `FailureTopic {"event":"ImageFailed","ImageFailed":{"pipeline":"` + pipelineARN + `","image":"` + image + `","reason":"` + reason + `"}}`
	}

	all := map[string]occasion{
		"a new image":                  {account{image: built(pipelineARN, ownAMI), parameter: holds}, []any{event(t, "AVAILABLE")}, []string{news}},
		"copies elsewhere":             {account{image: built(pipelineARN, farAMI+","+ownAMI+","+otherAMI), parameter: holds}, []any{event(t, "AVAILABLE")}, []string{news}},
		"copies that were wanted":      {account{given: map[string]string{"Regions": "us-east-1"}, image: built(pipelineARN, farAMI+","+ownAMI+","+otherAMI), parameter: holds}, []any{event(t, "AVAILABLE"), event(t, "AVAILABLE")}, []string{news}},
		"a copy that is not there":     {account{given: map[string]string{"Regions": "us-east-1,eu-west-1,eu-central-1"}, image: built(pipelineARN, farAMI+","+ownAMI), parameter: holds}, []any{event(t, "AVAILABLE")}, []string{failure(imageARN, "The image is available, but has no AMI in eu-west-1")}},
		"no copy of several":           {account{given: map[string]string{"Regions": "us-east-1,eu-west-1"}, image: built(pipelineARN, ownAMI+","+otherAMI), parameter: holds}, []any{event(t, "AVAILABLE")}, []string{failure(imageARN, "The image is available, but has no AMI in us-east-1, eu-west-1")}},
		"the event comes twice":        {account{image: built(pipelineARN, ownAMI), parameter: holds}, []any{event(t, "AVAILABLE"), event(t, "AVAILABLE")}, []string{news}},
		"the parameter comes late":     {account{image: built(pipelineARN, ownAMI), parameter: []string{"", "ami-old", holds[0]}}, []any{event(t, "AVAILABLE")}, []string{news}},
		"the parameter never comes":    {account{image: built(pipelineARN, ownAMI), parameter: []string{"ami-old"}}, []any{event(t, "AVAILABLE")}, []string{failure(imageARN, "/buildkite/agent-ami does not hold ami-0123456789abcdef0 but: ami-old")}},
		"another pipeline's":           {account{image: built(pipelineARN+"-2", ownAMI)}, []any{event(t, "AVAILABLE")}, nil},
		"no pipeline's":                {account{image: strings.Replace(built("", ownAMI), `"SourcePipelineArn": "",`, "", 1)}, []any{event(t, "FAILED")}, nil},
		"a failed image":               {account{image: failed}, []any{event(t, "FAILED")}, []string{failure(imageARN, `Document \"x\" failed!`)}},
		"a failure without reason":     {account{image: built(pipelineARN, "")}, []any{event(t, "FAILED")}, []string{failure(imageARN, "Image Builder gives no reason")}},
		"an image without AMI":         {account{image: built(pipelineARN, farAMI)}, []any{event(t, "AVAILABLE")}, []string{failure(imageARN, "The image is available, but has 0 AMIs in eu-central-1, not one")}},
		"an image that is not shown":   {account{refuse: denied}, []any{event(t, "AVAILABLE")}, []string{failure(imageARN, "The image cannot be read: Imagebuilder.ForbiddenException: denied")}},
		"a topic that refuses":         {account{image: built(pipelineARN, ownAMI), parameter: holds, refuse: mute}, []any{event(t, "AVAILABLE")}, []string{failure(imageARN, "The message cannot be sent: SNS.AuthorizationErrorException: denied")}},
		"old images":                   {account{image: built(pipelineARN, ownAMI), parameter: holds, images: history()}, []any{event(t, "AVAILABLE")}, []string{news, removed("", "1.0.1/9", "1.0.0/1", "1.0.0/3", "1.0.0/6")}},
		"few images":                   {account{image: built(pipelineARN, ownAMI), parameter: holds, images: history()[1:]}, []any{event(t, "AVAILABLE")}, []string{news, removed("", "1.0.1/9")}},
		"an image is overdue":          {account{images: history()}, []any{day}, []string{failure("", "There is no new image since 2026-02-09, for more than 3 days")}},
		"the first image is overdue":   {account{made: "2026-01-01T03:30:00.000Z"}, []any{day}, []string{failure("", "There is no new image since 2026-01-01, for more than 3 days")}},
		"the first image may yet come": {account{made: fresh}, []any{day}, nil},
		"a failed image is none":       {account{images: []string{summary("1.0.0/1", "FAILED", fresh, "", ""), summary("1.0.0/2", "AVAILABLE", "2026-01-02T03:30:00.000Z", "ami-2", "")}}, []any{day}, []string{failure("", "There is no new image since 2026-01-02, for more than 3 days")}},
		"an image is new":              {account{images: []string{summary("1.0.0/2", "AVAILABLE", fresh, "ami-2", ""), summary("1.0.0/1", "AVAILABLE", "2026-01-02T03:30:00.000Z", "ami-1", "")}}, []any{day}, nil},
		"images that are not shown":    {account{refuse: hidden}, []any{day}, []string{failure("", "Whether a new image is overdue cannot be seen: Imagebuilder.ForbiddenException")}},
		"the schedule is off":          {account{}, []any{disabled}, []string{failure("", "The schedule is switched off: 5 scheduled builds have failed in a row. Correct what fails, then enable the pipeline.")}},
		"an AMI that stays as it is":   {account{image: built(pipelineARN, ownAMI), parameter: holds, refuse: fixed}, []any{event(t, "AVAILABLE")}, []string{failure(imageARN, "ami-0123456789abcdef0 cannot be made to require IMDSv2: Ec2.UnauthorizedOperationException: denied")}},
	}
	for name, o := range all {
		if slices.Contains(o.want, news) || name == "a topic that refuses" {
			o.want = append([]string{"ami-0123456789abcdef0 requires IMDSv2"}, o.want...)
			all[name] = o
		}
	}

	return all
}

// TestMessages runs both state machines from events as they are documented to what the topics get.
func TestMessages(t *testing.T) {
	t.Parallel()
	for name, test := range occasions(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := messages(t, template(t), &test.account, test.events)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
		})
	}
}

// messages runs the machines for events and returns what was published, topics by their last name.
func messages(t *testing.T, template intrinsic.Template, a *account, events []any) ([]string, error) {
	t.Helper()
	stack, err := intrinsic.Deploy(template, a.parameters())
	if err != nil {
		t.Fatal(err)
	}
	a.t = t
	a.names = map[string]bool{}
	a.hardened = nil
	a.published = nil
	a.parameterAsk = 0
	evaluator := newJSONata(t)
	run := func(machine string, input any) error {
		definition := stack.Resources[machine].Properties["Definition"].(map[string]any)
		execution := &states.Execution{Definition: definition, JSONata: evaluator, Services: a.call}
		return execution.Run(input)
	}

	a.start = run
	for _, event := range events {
		if err := run(watchman(event), event); err != nil {
			return nil, err
		}
	}

	got := a.requiring()
	for _, text := range a.published {
		topic, message, _ := strings.Cut(text, " ")
		got = append(got, lastName(topic)+" "+message)
	}

	return got, nil
}

// requiring says which AMIs were made to require IMDSv2.
func (a *account) requiring() []string {
	var lines []string
	for _, ami := range a.hardened {
		lines = append(lines, ami+" requires IMDSv2")
	}
	return lines
}

func lastName(arn string) string { return arn[strings.LastIndex(arn, ":")+1:] }

// machines checks the form of the state machines: every state is reachable, every way ends, every failure is told.
func machines(t intrinsic.Template) []string {
	var faults []string
	for name, body := range t.Section("Resources") {
		properties, _ := body.(map[string]any)["Properties"].(map[string]any)
		definition, ok := properties["Definition"].(map[string]any)
		if !ok {
			continue
		}
		states := definition["States"].(map[string]any)

		reached := map[string]bool{}
		for next := []string{definition["StartAt"].(string)}; len(next) > 0; next = next[1:] {
			if reached[next[0]] {
				continue
			}
			reached[next[0]] = true

			state, ok := states[next[0]].(map[string]any)
			if !ok {
				faults = append(faults, name+": there is no state "+next[0])
				continue
			}
			next = append(next, successors(state)...)
			if state["Type"] == "Task" && state["Catch"] == nil && next[0] != "TellFailure" {
				faults = append(faults, name+"."+next[0]+": its failure is not reported")
			}
		}

		for _, state := range slices.Sorted(maps.Keys(states)) {
			if !reached[state] {
				faults = append(faults, name+": nothing leads to "+state)
			}
		}

		if numbers(definition) {
			faults = append(faults, name+": CloudFormation may hand a number of an untyped object on as text: write it in JSONata")
		}

		if properties["StateMachineType"] != "STANDARD" {
			faults = append(faults, name+": only standard executions refuse a name that was used")
		}
	}

	return faults
}

// numbers reports whether there is anything but text at any depth.
func numbers(v any) bool {
	switch v := v.(type) {
	case string:
		return false
	case []any:
		return slices.ContainsFunc(v, numbers)
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), numbers)
	}
	return true
}

func successors(state map[string]any) []string {
	var names []string
	add := func(v any) {
		if name, ok := v.(string); ok {
			names = append(names, name)
		}
	}

	add(state["Next"])
	add(state["Default"])

	for _, key := range []string{"Choices", "Catch"} {
		list, _ := state[key].([]any)
		for _, item := range list {
			add(item.(map[string]any)["Next"])
		}
	}

	return names
}

func TestMachinesAreWhole(t *testing.T) {
	t.Parallel()
	for _, fault := range machines(template(t)) {
		t.Error(fault)
	}
}
