package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"unicode"

	"image-builder/internal/testbed"
	"image-builder/internal/testbed/cloudformation"
	"image-builder/internal/testbed/imagebuilder"
	"image-builder/internal/testbed/states"
)

// messenger plays EventBridge and Step Functions, which the test server is not: it runs the stack's own state machines,
// as CloudFormation made them of the template, for the event of an image.
type messenger struct {
	cloud    *testbed.Cloud
	jsonata  *jsonata
	machines map[string]map[string]any // by the end of their ARN
	watch    string                    // the machine that the rule for images starts
}

// listen learns of the state machines that will be made.
func listen(cloud *testbed.Cloud) *messenger {
	m := &messenger{cloud: cloud, machines: map[string]map[string]any{}}
	cloud.CloudFormation.OnCreate("AWS::StepFunctions::StateMachine", m.add)
	cloud.CloudFormation.OnCreate("AWS::SNS::Topic", func(r cloudformation.Resource) error {
		cloud.SNS.AddTopic(last(r.PhysicalID))
		return nil
	})
	cloud.CloudFormation.OnCreate("AWS::Events::Rule", func(r cloudformation.Resource) error {
		if r.LogicalID == "ImageRule" {
			m.watch = last(r.Properties["Targets"].([]any)[0].(map[string]any)["Arn"].(string))
		}
		return nil
	})
	return m
}

func last(arn string) string { return arn[strings.LastIndex(arn, ":")+1:] }

func (m *messenger) add(r cloudformation.Resource) error {
	text, err := json.Marshal(r.Properties["Definition"])
	if err != nil {
		return err
	}
	var pairs []string
	for name, value := range r.Properties["DefinitionSubstitutions"].(map[string]any) {
		pairs = append(pairs, "${"+name+"}", fmt.Sprint(value))
	}

	definition := map[string]any{}
	if err := json.Unmarshal([]byte(strings.NewReplacer(pairs...).Replace(string(text))), &definition); err != nil {
		return fmt.Errorf("read %s: %w", r.LogicalID, err)
	}
	m.machines[last(r.PhysicalID)] = definition

	return nil
}

// tell sends the event of the newest image; what the stack then publishes is shown.
func (m *messenger) tell(ctx context.Context, python string) error {
	images := m.cloud.ImageBuilder.Images()
	if len(images) == 0 {
		return errors.New("the stack has built no image")
	}
	image := images[len(images)-1]

	var err error
	m.jsonata, err = newJSONata(ctx, python)
	if err != nil {
		return err
	}
	defer m.jsonata.close()

	err = m.run(m.watch, event(image))
	if err != nil {
		return fmt.Errorf("tell of %s: %w", image.ARN, err)
	}

	return nil
}

// event is what EventBridge gets of an image.
func event(image imagebuilder.Image) map[string]any {
	return map[string]any{
		"source": "aws.imagebuilder", "detail-type": "EC2 Image Builder Image State Change", "resources": []any{image.ARN},
		"detail": map[string]any{"previous-state": map[string]any{"status": "INTEGRATING"}, "state": map[string]any{"status": image.Status}},
	}
}

func (m *messenger) run(machine string, input any) error {
	definition := m.machines[machine]
	if definition == nil {
		return fmt.Errorf("the stack has no state machine %s", machine)
	}
	return (&states.Execution{Definition: definition, JSONata: m.jsonata, Services: m.call}).Run(input)
}

// call answers a task of a state machine from the account.
func (m *messenger) call(resource string, arguments any) (any, error) {
	in, _ := arguments.(map[string]any)
	service, operation, _ := strings.Cut(strings.TrimPrefix(resource, "aws-sdk:"), ":")

	switch {
	case resource == "states:startExecution":
		return map[string]any{}, m.run(last(in["StateMachineArn"].(string)), in["Input"])
	case resource == "sns:publish":
		out, err := m.do("sns", "Publish", in)
		if err == nil {
			fmt.Printf("\ntopic    %s\nmessage  %s\n", in["TopicArn"], in["Message"])
		}
		return out, err
	case service == "imagebuilder":
		out, err := m.do(service, capital(operation, unicode.ToUpper), renamed(in, unicode.ToLower))
		return renamed(out, unicode.ToUpper), err
	default:
		return m.do(service, capital(operation, unicode.ToUpper), in)
	}
}

// do calls a service as another service does; a refusal is what a state machine can catch.
func (m *messenger) do(service, operation string, in any) (any, error) {
	values, _ := plain(in).(map[string]any)
	out, err := m.cloud.Do(service, operation, values)
	if err != nil {
		return nil, &states.Failure{Name: operation, Cause: err.Error()}
	}
	return plain(out), nil
}

// plain turns a service's values into those of JSON.
func plain(value any) any {
	text, err := json.Marshal(value)
	var same any
	if err == nil {
		err = json.Unmarshal(text, &same)
	}
	if err != nil {
		return nil
	}
	return same
}

// renamed changes the first letter of each member: Step Functions writes the members of all services in capitals.
// https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
func renamed(value any, letter func(rune) rune) any {
	switch value := value.(type) {
	case map[string]any:
		all := map[string]any{}
		for name, member := range value {
			all[capital(name, letter)] = renamed(member, letter)
		}
		return all

	case []any:
		all := slices.Clone(value)
		for i, member := range all {
			all[i] = renamed(member, letter)
		}
		return all
	}
	return value
}

func capital(name string, letter func(rune) rune) string {
	if name == "" {
		return ""
	}
	return string(letter(rune(name[0]))) + name[1:]
}

// jsonata is an evaluator in another process.
type jsonata struct {
	command *exec.Cmd
	in      *json.Encoder
	out     *bufio.Reader
	end     func() error
}

func newJSONata(ctx context.Context, python string) (*jsonata, error) {
	command := exec.CommandContext(ctx, python, "templates/stacktest/evaluate.py")
	in, inErr := command.StdinPipe()
	out, outErr := command.StdoutPipe()
	if err := errors.Join(inErr, outErr, command.Start()); err != nil {
		return nil, fmt.Errorf("start JSONata: %w", err)
	}
	return &jsonata{command: command, in: json.NewEncoder(in), out: bufio.NewReader(out), end: in.Close}, nil
}

func (j *jsonata) close() {
	_ = j.end()
	_ = j.command.Wait() // it ends when its input does
}

// Evaluate evaluates an expression.
func (j *jsonata) Evaluate(expression string, variables map[string]any) (any, error) {
	if err := j.in.Encode(map[string]any{"expression": expression, "variables": variables}); err != nil {
		return nil, fmt.Errorf("evaluate %s: %w", expression, err)
	}
	line, err := j.out.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("evaluate %s: %w", expression, err)
	}

	var answer struct {
		Value     any
		Undefined bool
		Error     string
	}
	err = json.Unmarshal(line, &answer)
	switch {
	case err != nil:
		return nil, fmt.Errorf("evaluate %s: %w", expression, err)
	case answer.Undefined:
		return nil, fmt.Errorf("%s: %w", expression, states.ErrUndefined)
	case answer.Error != "":
		return nil, fmt.Errorf("%s: %s", expression, answer.Error)
	}

	return answer.Value, nil
}
