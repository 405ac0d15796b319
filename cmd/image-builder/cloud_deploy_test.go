package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"image-builder/internal/testbed"
	"image-builder/internal/testbed/cloudformation"
	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/ssm"
	"image-builder/internal/testbed/wire"
)

// foreignTemplate is the template of a stack that this program did not make.
const foreignTemplate = "Description: not ours\nResources: {Topic: {Type: 'AWS::SNS::Topic'}}\n"

// prepared gives an account everything that the scripts' recipe names.
func prepared(cloud *testbed.Cloud) {
	ami := cloud.EC2.AddAMI(ec2.AMI{Name: "buildkite-stack-linux-x86_64"})
	cloud.SSM.Put(ssm.Parameter{Name: "/buildkite/base-ami", Type: "String", Value: ami})
}

func deployVerbs() map[string]verb {
	return map[string]verb{
		// foreign NAME: another tool makes a stack of that name
		"foreign": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			_, err := cloud.Do("cloudformation", "CreateStack", wire.Values{"StackName": args[0], "TemplateBody": foreignTemplate})
			ts.Check(err)
			ts.Check(settle(cloud, args[0]))
		},
		// first NAME EDIT [PARAMETER=VALUE…]: there is a stack of the first image-builder; EDIT is "", or "old=>new" in its template
		"first": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 9)
			template, err := os.ReadFile("../../internal/testbed/testdata/first-stack.yml")
			ts.Check(err)
			ts.Check(cloud.S3.Put("scripts", "bootstrap.sh", []byte("#!/bin/sh\n")))
			given := map[string]string{
				"BaseAmiParameter": "/buildkite/base-ami", "OutputAmiParameter": "/buildkite/agent-ami", "BootstrapScriptUrl": "s3://scripts/bootstrap.sh",
				"InstanceType": "t3.large",
			}
			for _, pair := range args[2:] {
				name, value, _ := strings.Cut(pair, "=")
				given[name] = value
			}

			old, now, _ := strings.Cut(strings.ReplaceAll(args[1], `\n`, "\n"), "=>")
			// Neither the service of today nor the test server makes a pipeline of five fields, as there were once.
			text := strings.Replace(string(template), "!Sub 'cron(${ScheduleExpression})'", "'cron(0 0 * * ? *)'", 1)
			if old != "" {
				text = strings.ReplaceAll(text, old, now)
			}
			_, err = cloud.CloudFormation.Put(cloudformation.Stack{Name: args[0], Template: text, Status: "CREATE_COMPLETE", Parameters: given})
			ts.Check(err)
		},
		// first-build NAME: the pipeline of such a stack starts a build, which goes on
		"first-build": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			for _, r := range cloud.CloudFormation.Resources(args[0]) {
				if r.LogicalID == "Pipeline" && cloud.ImageBuilder.RunScheduled(r.PhysicalID) == "" {
					ts.Fatalf("the pipeline %s does not build", r.PhysicalID)
				}
			}
		},
		// resource STACK LOGICAL-ID: prints its physical ID
		"resource": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 2)
			for _, r := range cloud.CloudFormation.Resources(args[0]) {
				if r.LogicalID == args[1] {
					_, err := ts.Stdout().Write([]byte(r.PhysicalID + "\n"))
					ts.Check(err)
				}
			}
		},
		// review NAME: another user makes a change set for a stack that does not exist
		"review": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			_, err := cloud.Do("cloudformation", "CreateChangeSet", wire.Values{
				"StackName": args[0], "ChangeSetName": "mine", "ChangeSetType": "CREATE", "TemplateBody": foreignTemplate,
			})
			ts.Check(err)
		},
		// settle NAME: the stack's operation ends
		"settle": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			ts.Check(settle(cloud, args[0]))
		},
		// begin-delete NAME: another user starts to delete a stack
		"begin-delete": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			_, err := cloud.Do("cloudformation", "DeleteStack", wire.Values{"StackName": args[0]})
			ts.Check(err)
		},
		// finish-build VERSION: a build ends
		"finish-build": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			cloud.ImageBuilder.Finish(versioned(ts, cloud, args[0]))
		},
		// protect NAME true|false: another user sets a stack's termination protection
		"protect": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 2)
			_, err := cloud.Do("cloudformation", "UpdateTerminationProtection", wire.Values{
				"StackName": args[0], "EnableTerminationProtection": args[1] == "true",
			})
			ts.Check(err)
		},
		// status NAME STATUS: a stack has this status; absent: it does not exist
		"status": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 2)
			status := "absent"
			if s, there := cloud.CloudFormation.Stack(args[0]); there {
				status = s.Status
			}
			if status != args[1] {
				ts.Fatalf("stack %s is %s, not %s", args[0], status, args[1])
			}
		},
		// parameter NAME PARAMETER VALUE: a stack's parameter has the value
		"parameter": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 3, 3)
			s, _ := cloud.CloudFormation.Stack(args[0])
			if got := s.Parameters[args[1]]; got != args[2] {
				ts.Fatalf("parameter %s of stack %s is %q, not %q", args[1], args[0], got, args[2])
			}
		},
		// change-sets NAME N: a stack has this many change sets that were not executed
		"change-sets": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 2)
			out, err := cloud.Do("cloudformation", "ListChangeSets", wire.Values{"StackName": args[0]})
			ts.Check(err)

			waiting := 0
			for _, summary := range out["Summaries"].([]any) {
				if summary.(wire.Values)["ExecutionStatus"] == "AVAILABLE" {
					waiting++
				}
			}

			if strconv.Itoa(waiting) != args[1] {
				ts.Fatalf("stack %s has %d change sets, not %s", args[0], waiting, args[1])
			}
		},
		// fail-resource|fail-deletion|fail-rollback LOGICAL-ID REASON: the next operation on the resource fails
		"fail-resource": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 2)
			cloud.CloudFormation.FailResource(args[0], args[1], 1)
		},
		"fail-deletion": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 2)
			cloud.CloudFormation.FailDeletion(args[0], args[1], 1)
		},
		"fail-rollback": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 2)
			cloud.CloudFormation.FailRollback(args[0], args[1], 1)
		},
		// stack-pages N: stacks, events and changes come in pages of N; 0: as many as the service returns
		"stack-pages": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			n, err := strconv.Atoi(args[0])
			ts.Check(err)
			cloud.CloudFormation.SetPageSize(n)
		},
		// bucket NAME ACCOUNT: an account has made a bucket
		"bucket": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 2)
			ts.Check(cloud.S3.CreateBucket(args[0], args[1]))
		},
		// no-bucket NAME: the bucket does not exist
		"no-bucket": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			if _, err := cloud.S3.Keys(args[0]); err == nil {
				ts.Fatalf("there is a bucket %s", args[0])
			}
		},
		// await NAME STATUS: waits until a stack has this status, or one that ends so, without taking it any further
		"await": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 2)
			for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
				s, _ := cloud.CloudFormation.Stack(args[0])
				if strings.HasSuffix(s.Status, args[1]) {
					return
				}
				if time.Now().After(deadline) {
					ts.Fatalf("stack %s is still %s, not %s", args[0], s.Status, args[1])
				}
			}
		},
	}
}

// settle lets a stack's operation come to its end.
func settle(cloud *testbed.Cloud, name string) error {
	if _, there := cloud.CloudFormation.Finish(name); !there {
		return fmt.Errorf("settle stack %s: it is not there", name)
	}
	return nil
}
