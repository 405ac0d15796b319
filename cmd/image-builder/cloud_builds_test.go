package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"image-builder/internal/testbed"
	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/imagebuilder"
	"image-builder/internal/testbed/ssm"
	"image-builder/internal/testbed/wire"
)

// ownStack is a small stack of ours: what start, status and logs read of it, and one resource.
const ownStack = `Description: 'image-builder: bakes AMIs in a test'
Parameters:
  BaseAmiParameter: {Type: String, Default: /buildkite/base-ami}
  OutputAmiParameter: {Type: String, Default: /buildkite/agent-ami}
  LogRetentionDays: {Type: Number, Default: 30}
Resources:
  OutputTopic: {Type: 'AWS::SNS::Topic'}
Outputs:
  Pipeline: {Value: '%s'}
  ImageLogs: {Value: '%s'}
  PipelineLogs: {Value: '%s'}
`

// groups are the names of the log groups of a stack that ownStack makes.
func groups(name string) (images, runs string) {
	return "/aws/imagebuilder/" + name + "/0123456789ab/images", "/aws/imagebuilder/" + name + "/0123456789ab/pipeline"
}

func buildVerbs() map[string]verb {
	return map[string]verb{
		// pipeline NAME [manual|disabled]: a stack of ours, with its pipeline
		"pipeline": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 2)
			images, runs := groups(args[0])
			p := imagebuilder.Pipeline{
				Name: args[0], Base: "ssm:/buildkite/base-ami", Output: "/buildkite/agent-ami", LogGroup: images, PipelineLogs: runs,
				Schedule: "cron(0 0 * * ? *)", TimeZone: "Europe/Berlin", DisableAfter: 3,
			}

			switch strings.Join(args[1:], "") {
			case "manual":
				p.Schedule = ""
			case "disabled":
				p.Disabled = true
			}

			arn := cloud.ImageBuilder.AddPipeline(p)
			_, err := cloud.Do("cloudformation", "CreateStack", wire.Values{
				"StackName": args[0], "TemplateBody": fmt.Sprintf(ownStack, arn, images, runs),
			})
			ts.Check(err)
			ts.Check(settle(cloud, args[0]))
		},
		// next FIELD=VALUE…: what the next build does: fail=BUILDING, reason=FILE, component=, step=, error=,
		// lines=FILE, stay=BUILDING (until it is cancelled)
		"next": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			cloud.ImageBuilder.Next(script(ts, args))
		},
		// build NAME schedule|hand [going]: a build, to its end unless it is to be left going
		"build": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 3)
			arn := begin(ts, cloud, args[0], args[1] == "schedule")
			if len(args) == 2 {
				cloud.ImageBuilder.Finish(arn)
			}
		},
		// await-state VERSION STATE: waits until an image has reached a state
		"await-state": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 2)
			patiently(ts, func() bool {
				return slices.ContainsFunc(cloud.ImageBuilder.Images(), func(i imagebuilder.Image) bool { return i.Version == args[0] && i.Status == args[1] })
			})
		},
		// await-calls SERVICE OPERATION N: waits for this many more calls
		"await-calls": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 3, 3)
			n, err := strconv.Atoi(args[2])
			ts.Check(err)
			until := cloud.Calls(args[0], args[1]) + n
			patiently(ts, func() bool { return cloud.Calls(args[0], args[1]) >= until })
		},
		// cancel VERSION: another user cancels a build
		"cancel": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			_, err := cloud.Do("imagebuilder", "CancelImageCreation", wire.Values{
				"imageBuildVersionArn": versioned(ts, cloud, args[0]), "clientToken": "cancel " + args[0],
			})
			ts.Check(err)
		},
		// images N: this many builds were started
		"images": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			if n := fmt.Sprint(len(cloud.ImageBuilder.Images())); n != args[0] {
				ts.Fatalf("%s images were begun, not %s", n, args[0])
			}
		},
		// put-parameter NAME VALUE: another user writes a parameter; new-ami: the ID of an AMI that is made for it
		"put-parameter": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 2)
			value := args[1]
			if value == "new-ami" {
				value = cloud.EC2.AddAMI(ec2.AMI{})
			}
			cloud.SSM.Put(ssm.Parameter{Name: args[0], Value: value})
		},
		// remove-parameter NAME
		"remove-parameter": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			cloud.SSM.Remove(args[0])
		},
		// print-parameter NAME: prints its value
		"print-parameter": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			_, err := fmt.Fprintln(ts.Stdout(), cloud.SSM.Value(args[0]))
			ts.Check(err)
		},
		// log NAME images|pipeline STREAM FILE: writes lines
		"log": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 4, 4)
			images, runs := groups(args[0])
			cloud.Logs.Write(map[string]string{"images": images, "pipeline": runs}[args[1]], args[2], lines(ts, args[3])...)
		},
		// drop-logs NAME: the groups are gone
		"drop-logs": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			images, runs := groups(args[0])
			cloud.Logs.RemoveGroup(images)
			cloud.Logs.RemoveGroup(runs)
		},
		// pages N: lists and logs come in pages of N, some of them empty
		"pages": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			n, err := strconv.ParseInt(args[0], 10, 64)
			ts.Check(err)
			cloud.ImageBuilder.SetPageSize(n)
			cloud.Logs.SetPageSize(n)
			cloud.Logs.AnswerEmpty(3)
		},
	}
}

// patiently waits for another process to bring about a state.
func patiently(ts *testscript.TestScript, come func() bool) {
	for range 12000 {
		if come() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("it did not come about in two minutes")
}

// script reads what a build will do.
func script(ts *testscript.TestScript, args []string) imagebuilder.Script {
	s := imagebuilder.Script{Polls: map[string]int{}}
	for _, arg := range args {
		field, value, _ := strings.Cut(arg, "=")
		switch field {
		case "fail":
			s.FailIn = value
		case "reason":
			s.Reason = strings.Join(lines(ts, value), " ")
		case "component":
			s.Component = value

		case "step":
			s.Step = value
		case "error":
			s.Error = value
		case "lines":
			s.Lines = lines(ts, value)

		case "stay":
			s.Polls[value] = 1 << 30
		default:
			ts.Fatalf("next: there is not a field of a recipe %s", field)
		}
	}

	return s
}

func lines(ts *testscript.TestScript, file string) []string {
	text, err := os.ReadFile(ts.MkAbs(file))
	ts.Check(err)
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// begin starts a build of a pipeline and returns its image's ARN.
func begin(ts *testscript.TestScript, cloud *testbed.Cloud, name string, scheduled bool) string {
	pipeline := "arn:aws:imagebuilder:" + wire.Region + ":" + wire.Account + ":image-pipeline/" + name
	if scheduled {
		return cloud.ImageBuilder.RunScheduled(pipeline)
	}
	out, err := cloud.Do("imagebuilder", "StartImagePipelineExecution", wire.Values{
		"imagePipelineArn": pipeline, "clientToken": fmt.Sprint("begin ", len(cloud.ImageBuilder.Images())),
	})
	ts.Check(err)
	return fmt.Sprint(out["imageBuildVersionArn"])
}

// versioned returns the ARN of the image of a version.
func versioned(ts *testscript.TestScript, cloud *testbed.Cloud, version string) string {
	for _, image := range cloud.ImageBuilder.Images() {
		if image.Version == version {
			return image.ARN
		}
	}
	ts.Fatalf("there is no image %s", version)
	return ""
}
