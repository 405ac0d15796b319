package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"image-builder/internal/testbed"
	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/ssm"
	"image-builder/internal/testbed/wire"
)

// foreignTemplate is somebody else's.
const foreignTemplate = "Description: not ours\nResources: {Topic: {Type: 'AWS::SNS::Topic'}}\n"

// prepared gives an account what the scripts' recipe names.
func prepared(cloud *testbed.Cloud) {
	ami := cloud.EC2.AddAMI(ec2.AMI{Name: "buildkite-stack-linux-x86_64"})
	cloud.SSM.Put(ssm.Parameter{Name: "/buildkite/base-ami", Type: "String", Value: ami})
}

func deployVerbs() map[string]verb {
	return map[string]verb{
		// foreign NAME: somebody makes a stack of that name
		"foreign": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			_, err := cloud.Do("cloudformation", "CreateStack", wire.Values{"StackName": args[0], "TemplateBody": foreignTemplate})
			ts.Check(err)
			ts.Check(settle(cloud, args[0]))
		},
		// review NAME: somebody makes a change set for a stack that is not there
		"review": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			_, err := cloud.Do("cloudformation", "CreateChangeSet", wire.Values{
				"StackName": args[0], "ChangeSetName": "mine", "ChangeSetType": "CREATE", "TemplateBody": foreignTemplate,
			})
			ts.Check(err)
		},
		// settle NAME: what is under way comes to its end
		"settle": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			ts.Check(settle(cloud, args[0]))
		},
		// begin-delete NAME: somebody begins to delete a stack
		"begin-delete": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			_, err := cloud.Do("cloudformation", "DeleteStack", wire.Values{"StackName": args[0]})
			ts.Check(err)
		},
		// finish-build VERSION: a build comes to its end
		"finish-build": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			cloud.ImageBuilder.Finish(versioned(ts, cloud, args[0]))
		},
		// protect NAME true|false: somebody says whether a stack may be deleted
		"protect": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 2)
			_, err := cloud.Do("cloudformation", "UpdateTerminationProtection", wire.Values{
				"StackName": args[0], "EnableTerminationProtection": args[1] == "true",
			})
			ts.Check(err)
		},
		// status NAME STATUS: a stack stands so; absent: there is none
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
		// change-sets NAME N: a stack has so many that were not executed
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
		// fail-resource|fail-deletion|fail-rollback LOGICAL-ID REASON: happens to the resource next time
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
		// stack-pages N: stacks, events and changes come in pages of N; 0: as many at once as the service gives
		"stack-pages": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			n, err := strconv.Atoi(args[0])
			ts.Check(err)
			cloud.CloudFormation.PageSize = n
		},
		// bucket NAME ACCOUNT: an account has made a bucket
		"bucket": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 2)
			ts.Check(cloud.S3.CreateBucket(args[0], args[1]))
		},
		// no-bucket NAME: there is no bucket of that name
		"no-bucket": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 1, 1)
			if _, err := cloud.S3.Keys(args[0]); err == nil {
				ts.Fatalf("there is a bucket %s", args[0])
			}
		},
		// await NAME STATUS: waits until a stack stands so, or in a status that ends so, without taking it any further
		"await": func(ts *testscript.TestScript, cloud *testbed.Cloud, args []string) {
			arity(ts, args, 2, 2)
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
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

// settle lets what is under way on a stack come to its end.
func settle(cloud *testbed.Cloud, name string) error {
	if _, there := cloud.CloudFormation.Finish(name); !there {
		return fmt.Errorf("settle stack %s: it is not there", name)
	}
	return nil
}
