package testbed

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"image-builder/internal/testbed/wire"
)

// recordingsVariable names the directory of AWS's recorded answers (*.snapshot.json) in LocalStack's form, or that
// directory in a checkout of LocalStack:
// https://github.com/localstack/localstack/tree/main/tests/aws/services/cloudformation. The test of the same name
// there made the calls for each.
const recordingsVariable = "IMAGE_BUILDER_AWS_RECORDINGS"

// recorded returns AWS's answer, by the test's name and step.
func recorded(t *testing.T) map[string]map[string]any {
	t.Helper()
	dir := os.Getenv(recordingsVariable)
	if dir == "" {
		t.Skip("needs AWS's recorded answers: set " + recordingsVariable + " to the directory with LocalStack's *.snapshot.json")
	}
	all := map[string]map[string]any{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		name, isRecording := strings.CutSuffix(entry.Name(), ".snapshot.json")
		if err != nil || !isRecording {
			return err
		}
		_, file, _ := strings.Cut(name, "test_") // the part before it is the folder's name
		return read(all, file, path)
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("%s: %d recordings in %s: %v", recordingsVariable, len(all), dir, err)
	}

	return all
}

// read adds a file's recordings, by the file's short name and the test's.
func read(all map[string]map[string]any, file, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var tests map[string]struct {
		Content map[string]any `json:"recorded-content"`
	}
	if err := json.Unmarshal(text, &tests); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}

	for name, test := range tests {
		all[file+"/"+name[strings.LastIndex(name, "::")+2:]] = test.Content
	}

	return nil
}

// replay repeats the calls whose answers were recorded.
type replay struct {
	cloud   *Cloud
	client  *foreign
	content map[string]any
	matcher *matcher
	matched map[string]bool
	stack   string // the name of the first stack
	changes int    // change sets made so far

	parameters [2]map[string]string // of the two templates of capture
}

// broken ends a replay that cannot continue.
type broken struct{ why string }

// run runs the steps, and returns the differences from AWS's answers.
func (r *replay) run(steps func(*replay)) (differences []string) {
	defer func() {
		if b, ok := recover().(broken); ok {
			differences = append(r.matcher.found, b.why)
		}
	}()

	steps(r)
	for _, key := range slices.Sorted(maps.Keys(r.content)) {
		if !r.matched[key] {
			r.matcher.differ(key, "it was not compared")
		}
	}

	return r.matcher.found
}

// is compares an answer with a step's recording. It ignores the members listed after the step: AWS added or removed
// them after the recording.
func (r *replay) is(key string, got any, not ...string) {
	want, ok := r.content[key]
	if !ok {
		panic(broken{"nothing was recorded for " + key})
	}

	r.matched[key] = true
	withoutOldReplacements(want)

	for _, name := range not {
		strip(want, name)
		strip(got, name)
	}

	r.matcher.match(key, want, got)
}

// withoutOldReplacements drops what AWS reported for additions until April 2025, and no longer does.
func withoutOldReplacements(want any) {
	changes, _ := want.(map[string]any)
	for _, c := range wire.List[wire.Values](changes, "Changes") {
		if r := wire.Struct(c, "ResourceChange"); r["Action"] == "Add" {
			delete(r, "Replacement")
		}
	}
}

// strip removes a member at any depth.
func strip(value any, name string) {
	switch v := value.(type) {
	case map[string]any:
		delete(v, name)
		for _, below := range v {
			strip(below, name)
		}
	case []any:
		for _, item := range v {
			strip(item, name)
		}
	}
}

// of calls an operation of any service, which must succeed.
func (r *replay) of(service, operation string, in wire.Values) wire.Values {
	response, failure, err := r.client.call(r.cloud, service, operation, in)
	if err != nil || failure != "" {
		panic(broken{fmt.Sprintf("%s %v: %s %v", operation, in, failure, err)})
	}
	return response
}

// do calls an operation, which must succeed.
func (r *replay) do(operation string, in wire.Values) wire.Values {
	return r.of("cloudformation", operation, in)
}

// fails calls an operation, which must fail; it returns the error's answer and its text.
func (r *replay) fails(operation string, in wire.Values) (wire.Values, string) {
	response, failure, err := r.client.call(r.cloud, "cloudformation", operation, in)
	if err != nil || failure == "" {
		panic(broken{fmt.Sprintf("%s %v: it worked, want an error: %v %v", operation, in, response, err)})
	}
	return response, failure
}

// patience is how many looks a wait takes before it gives up.
const patience = 200

// wait reads a stack until its operation has ended.
func (r *replay) wait(name, want string) wire.Values {
	for range patience {
		s := r.do("DescribeStacks", wire.Values{"StackName": name})["Stacks"].([]any)[0].(wire.Values)
		status := wire.Text(s, "StackStatus")
		if status == want {
			return s
		}
		if !strings.HasSuffix(status, "_IN_PROGRESS") {
			panic(broken{fmt.Sprintf("stack %s is %s, want %s", name, status, want)})
		}
	}

	panic(broken{"stack " + name + " never is " + want})
}

// made reads a change set until it is worked out.
func (r *replay) made(in wire.Values, want string) wire.Values {
	for range patience {
		cs := r.do("DescribeChangeSet", in)
		status := wire.Text(cs, "Status")
		switch {
		case status == want:
			return cs
		case !strings.HasPrefix(status, "CREATE_") || status == "CREATE_COMPLETE":
			panic(broken{fmt.Sprintf("change set %v is %s, want %s", in, status, want)})
		}
	}

	panic(broken{fmt.Sprintf("change set %v never is %s", in, want)})
}

var allCapabilities = []any{"CAPABILITY_AUTO_EXPAND", "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"}

// change makes a change set with all capabilities, and waits until it is ready to execute.
func (r *replay) change(kind, stackName, template string, parameters map[string]string) wire.Values {
	r.changes++
	in := wire.Values{
		"StackName": stackName, "ChangeSetName": fmt.Sprintf("change-set-%d", r.changes), "ChangeSetType": kind, "TemplateBody": template,
		"Capabilities": allCapabilities, "Parameters": parametersOf(parameters),
	}
	created := r.do("CreateChangeSet", in)
	r.made(wire.Values{"ChangeSetName": created["Id"]}, "CREATE_COMPLETE")
	return created
}

func parametersOf(values map[string]string) []any {
	list := []any{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list = append(list, wire.Values{"ParameterKey": name, "ParameterValue": values[name]})
	}
	return list
}

// deploy makes a stack by a change set; it returns its ARN.
func (r *replay) deploy(template string, parameters map[string]string) string {
	created := r.change("CREATE", r.stack, template, parameters)
	r.do("ExecuteChangeSet", wire.Values{"ChangeSetName": created["Id"]})
	r.wait(created["StackId"].(string), "CREATE_COMPLETE")
	return created["StackId"].(string)
}

// redeploy updates the stack by a change set.
func (r *replay) redeploy(template string, parameters map[string]string) {
	created := r.change("UPDATE", r.stack, template, parameters)
	r.do("ExecuteChangeSet", wire.Values{"ChangeSetName": created["Id"]})
	r.wait(created["StackId"].(string), "UPDATE_COMPLETE")
}

// destroy deletes a stack.
func (r *replay) destroy(id string) {
	r.do("DeleteStack", wire.Values{"StackName": id})
	r.wait(id, "DELETE_COMPLETE")
}

// only returns the single stack of an answer.
func only(answer wire.Values) wire.Values { return answer["Stacks"].([]any)[0].(wire.Values) }
