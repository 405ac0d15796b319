package testbed

import (
	"testing"

	"image-builder/internal/testbed/wire"
)

// The Parameter Store answers as AWS's did.
func TestParametersAsAWSAnswered(t *testing.T) {
	t.Parallel()
	content := recorded(t)
	client := startForeign(t)
	put := func(name, value string) wire.Values {
		return wire.Values{"Name": name, "Value": value, "Type": "String"}
	}

	arn := "arn:aws:ssm:" + wire.Region + ":" + wire.Account + ":parameter"
	for name, steps := range map[string]func(*replay){
		"ssm/test_parameters_with_path": func(r *replay) {
			r.is("put-parameter-response", r.of("ssm", "PutParameter", put("/a/b", "123")))
			r.is("get-parameter-response", r.of("ssm", "GetParameter", wire.Values{"Name": "/a/b"}))
			r.is("get-parameter-by-arn-response", r.of("ssm", "GetParameter", wire.Values{"Name": arn + "/a/b"}))
			r.is("get-parameters-response", r.of("ssm", "GetParameters", wire.Values{"Names": []any{"/a/b"}}))
			r.is("get-parameters-by-arn-response", r.of("ssm", "GetParameters", wire.Values{"Names": []any{arn + "/a/b"}}))
		},
		"ssm/test_get_parameter_by_arn": func(r *replay) {
			r.of("ssm", "PutParameter", put("plain", "test"))
			r.is("Parameter", r.of("ssm", "GetParameter", wire.Values{"Name": arn + "/plain"})["Parameter"])
		},
	} {
		t.Run(name, func(t *testing.T) {
			if content[name] == nil {
				t.Skip("this directory has recordings of CloudFormation only")
			}
			for _, difference := range newReplay(t, client, content[name]).run(steps) {
				t.Error(difference)
			}
		})
	}
}
