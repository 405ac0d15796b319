package stacktest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"image-builder/internal/testbed"
	"image-builder/internal/testbed/cloudformation"
	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/imagebuilder"
	"image-builder/internal/testbed/programtest"
	"image-builder/internal/testbed/wire"
)

func TestMain(m *testing.M) {
	code := m.Run()
	programtest.Remove()
	os.Exit(code)
}

// world is an account with every service that the smoke script uses: the strict server's, and moto's for those that carry
// messages. What CloudFormation makes in the one is made in the other.
type world struct {
	*testbed.Cloud
	moto *emulator
	env  []string // for clients of either
	base string   // Buildkite's AMI

	temporary   string // the script's directory for temporary files
	interrupted string // the status of a build at which the script is interrupted; "" for never

	mu       sync.Mutex
	watch    string   // the name of the rules' target
	machines []string // ARNs
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Cloud: testbed.Start(t), temporary: t.TempDir()}
	// A profile without a name is one that boto does not find. Topics are moto's, which delivers to its queues.
	w.env = slices.DeleteFunc(w.Env(), func(v string) bool {
		return strings.HasSuffix(v, "=") || strings.HasPrefix(v, "AWS_ENDPOINT_URL_SNS=")
	})

	w.moto = emulate(t, w.env...)
	w.base = w.EC2.AddAMI(ec2.AMI{Name: "buildkite-stack-linux-x86_64", Owner: "172840064832", Public: true})
	w.CloudFormation.OnCreate("AWS::SNS::Topic", w.addTopic)
	w.CloudFormation.OnCreate("AWS::StepFunctions::StateMachine", w.addMachine)
	w.CloudFormation.OnCreate("AWS::Events::Rule", w.addRule)

	return w
}

func first(list any) map[string]any { return list.([]any)[0].(map[string]any) }

func (w *world) addTopic(r cloudformation.Resource) error {
	_, err := w.moto.try("sns", "create_topic", object{"Name": lastName(r.PhysicalID)})
	return err
}

func (w *world) addMachine(r cloudformation.Resource) error {
	definition, err := json.Marshal(r.Properties["Definition"])
	if err != nil {
		return err
	}
	var pairs []string
	for name, value := range r.Properties["DefinitionSubstitutions"].(map[string]any) {
		pairs = append(pairs, "${"+name+"}", fmt.Sprint(value))
	}

	w.mu.Lock()
	w.machines = append(w.machines, r.PhysicalID)
	w.mu.Unlock()
	_, err = w.moto.try("stepfunctions", "create_state_machine", object{
		"name": lastName(r.PhysicalID), "type": r.Properties["StateMachineType"], "roleArn": "arn:aws:iam::123456789012:role/machine",
		"definition": strings.NewReplacer(pairs...).Replace(string(definition)),
	})

	return err
}

// addRule has the rule's events go to a queue of its target's name, as moto's EventBridge cannot start state machines.
func (w *world) addRule(r cloudformation.Resource) error {
	pattern, err := json.Marshal(r.Properties["EventPattern"])
	if err != nil {
		return err
	}
	target := lastName(first(r.Properties["Targets"])["Arn"].(string))
	for _, call := range []struct {
		service, operation string
		parameters         object
	}{
		{"sqs", "create_queue", object{"QueueName": target, "Attributes": unseen}},
		{"events", "put_rule", object{"Name": r.LogicalID, "EventPattern": string(pattern)}},
		{"events", "put_targets", object{"Rule": r.LogicalID, "Targets": []any{object{"Id": "queue", "Arn": "arn:aws:sqs:eu-central-1:123456789012:" + target}}}},
	} {
		if _, err := w.moto.try(call.service, call.operation, call.parameters); err != nil {
			return err
		}
	}

	w.mu.Lock()
	defer w.mu.Unlock()
	w.watch = target
	return nil
}

// smoke runs the script, tells of images as they end, and returns how the script ended and what it said.
func (w *world) smoke(t *testing.T) (int, string) {
	t.Helper()
	mappings := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(out, "Mappings:\n  AWSRegion2AMI:\n    %s: {linuxamd64: %s}\n", wire.Region, w.base)
	}))
	t.Cleanup(mappings.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()

	script := exec.CommandContext(ctx, "../../scripts/smoke-aws")
	script.Env = append(slices.Clip(w.env),
		"AWS_ENDPOINT_URL_SNS="+w.moto.url, "AWS_ENDPOINT_URL_SQS="+w.moto.url, "HOME="+t.TempDir(), "TMPDIR="+w.temporary,
		"PATH="+awsCLI(t)+":"+os.Getenv("PATH"), "SMOKE_PROGRAM="+programtest.Path(t),
		"SMOKE_REGION="+wire.Region, "SMOKE_ACCOUNT="+wire.Account, "SMOKE_COSTS=accepted", "SMOKE_MAPPINGS="+mappings.URL, "SMOKE_PAUSE=1",
	)

	var said bytes.Buffer
	script.Stdout = &said
	script.Stderr = &said
	script.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as a terminal has it: an interrupt goes to all
	if err := script.Start(); err != nil {
		t.Fatal(err)
	}

	told := make(chan error)
	go func() {
		told <- w.tell(ctx, func() error { return syscall.Kill(-script.Process.Pid, syscall.SIGINT) })
	}()
	_ = script.Wait() // how it ended is looked at
	cancel()
	if err := <-told; err != nil {
		t.Error(err)
	}

	return script.ProcessState.ExitCode(), said.String()
}

// tell gives EventBridge the event of each image that has ended, and Watch what the rules pick. It interrupts the script
// when a build has come as far as the test wants that.
func (w *world) tell(ctx context.Context, interrupt func() error) error {
	told := map[string]bool{}
	ticker := time.NewTicker(50 * time.Millisecond)
	for {
		select {
		case <-ctx.Done():
			ticker.Stop()
			return nil
		case <-ticker.C:
		}

		for _, image := range w.ImageBuilder.Images() {
			if told[image.ARN+image.Status] {
				continue
			}
			told[image.ARN+image.Status] = true
			var err error

			switch image.Status {
			case w.interrupted:
				err = interrupt()
			case "AVAILABLE", "FAILED", "CANCELLED":
				err = w.event(image)
			}

			if err != nil {
				return err
			}
		}
	}
}

func (w *world) event(image imagebuilder.Image) error {
	if _, err := w.moto.try("events", "put_events", object{"Entries": []any{object{
		"Source": "aws.imagebuilder", "DetailType": "EC2 Image Builder Image State Change", "Resources": []string{image.ARN},
		"Detail": `{"previous-state": {"status": "INTEGRATING"}, "state": {"status": "` + image.Status + `"}}`,
	}}}); err != nil {
		return err
	}

	w.mu.Lock()
	machine := w.watch
	w.mu.Unlock()

	url, err := w.moto.try("sqs", "get_queue_url", object{"QueueName": machine})
	if err != nil {
		return err
	}
	picked, err := w.moto.try("sqs", "receive_message", object{"QueueUrl": url["QueueUrl"], "MaxNumberOfMessages": 10})
	if err != nil {
		return err
	}

	messages, _ := picked["Messages"].([]any)
	for _, message := range messages {
		body := message.(object)
		if _, err := w.moto.try("stepfunctions", "start_execution", object{
			"stateMachineArn": "arn:aws:states:eu-central-1:123456789012:stateMachine:" + machine, "name": body["MessageId"], "input": body["Body"],
		}); err != nil {
			return err
		}
	}

	return nil
}

// left is what the script has made and not removed.
func (w *world) left(t *testing.T, said string) []string {
	t.Helper()
	var all []string

	name := regexp.MustCompile(`stack (image-builder-smoke-[0-9-]+) in`).FindStringSubmatch(said)
	if name == nil {
		t.Fatal("the script does not say what its stack is called")
	}

	if _, err := w.S3.Keys(name[1]); err == nil {
		all = append(all, "bucket "+name[1])
	}

	files, err := filepath.Glob(filepath.Join(w.temporary, "*"))
	if err != nil {
		t.Fatal(err)
	}
	all = append(all, files...)
	for _, ami := range w.EC2.AMIs() {
		all = append(all, "AMI "+ami.ID)
	}

	for _, snapshot := range w.EC2.Orphans() {
		all = append(all, "snapshot "+snapshot)
	}

	for _, image := range w.ImageBuilder.Images() {
		if _, err := w.Do("imagebuilder", "GetImage", wire.Values{"imageBuildVersionArn": image.ARN}); err == nil {
			all = append(all, "image "+image.ARN)
		}
	}

	for _, list := range []struct{ what, service, operation, members, name string }{
		{"parameter", "ssm", "DescribeParameters", "Parameters", "Name"},
		{"stack", "cloudformation", "DescribeStacks", "Stacks", "StackName"},
		{"log group", "logs", "DescribeLogGroups", "logGroups", "logGroupName"},
	} {
		out, err := w.Do(list.service, list.operation, wire.Values{})
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range asList(out[list.members]) {
			all = append(all, list.what+" "+path.Base(fmt.Sprint(one[list.name])))
		}
	}

	queues, _ := w.moto.do(t, "sqs", "list_queues", object{})["QueueUrls"].([]any)
	for _, queue := range queues {
		if name := path.Base(fmt.Sprint(queue)); name != w.watch {
			all = append(all, "queue "+name)
		}
	}

	return all
}

// asList reads a list of structures, which the services write in two ways.
func asList(v any) []wire.Values {
	if list, ok := v.([]wire.Values); ok {
		return list
	}
	var list []wire.Values
	items, _ := v.([]any)
	for _, item := range items {
		list = append(list, item.(wire.Values))
	}
	return list
}
