package awstest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recordedParameters returns what the Parameter Store answered, by the test's name and step.
func recordedParameters(t *testing.T) map[string]map[string]any {
	t.Helper()
	dir := os.Getenv(recordingsVariable)
	if dir == "" {
		t.Skip("needs AWS's recorded answers: set " + recordingsVariable + " to the directory with LocalStack's *.snapshot.json")
	}
	text, err := os.ReadFile(filepath.Join(dir, "ssm-test_ssm.snapshot.json"))
	if err != nil {
		t.Fatal(err)
	}
	var tests map[string]struct {
		Content map[string]any `json:"recorded-content"`
	}
	if err := json.Unmarshal(text, &tests); err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]any{}
	for name, test := range tests {
		all[name[strings.LastIndex(name, "::")+2:]] = test.Content
	}
	return all
}

// The Parameter Store answers as AWS's did.
func TestParametersAsAWSAnswered(t *testing.T) {
	t.Parallel()
	content, client := recordedParameters(t), startForeign(t)
	put := func(name, value string) Values { return Values{"Name": name, "Value": value, "Type": "String"} }
	arn := "arn:aws:ssm:" + Region + ":" + Account + ":parameter"
	for name, steps := range map[string]func(*replay){
		"test_parameters_with_path": func(r *replay) {
			r.is("put-parameter-response", r.of("ssm", "PutParameter", put("/a/b", "123")))
			r.is("get-parameter-response", r.of("ssm", "GetParameter", Values{"Name": "/a/b"}))
			r.is("get-parameter-by-arn-response", r.of("ssm", "GetParameter", Values{"Name": arn + "/a/b"}))
			r.is("get-parameters-response", r.of("ssm", "GetParameters", Values{"Names": []any{"/a/b"}}))
			r.is("get-parameters-by-arn-response", r.of("ssm", "GetParameters", Values{"Names": []any{arn + "/a/b"}}))
		},
		"test_get_parameter_by_arn": func(r *replay) {
			r.of("ssm", "PutParameter", put("plain", "test"))
			r.is("Parameter", r.of("ssm", "GetParameter", Values{"Name": arn + "/plain"})["Parameter"])
		},
	} {
		t.Run(name, func(t *testing.T) {
			if content[name] == nil {
				t.Fatal("nothing is recorded for it")
			}
			for _, difference := range newReplay(t, client, content[name]).run(steps) {
				t.Error(difference)
			}
		})
	}
}
