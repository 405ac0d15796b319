package deploy_test

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"image-builder/internal/aws"
	"image-builder/internal/deploy"
	"image-builder/internal/progress"
	"image-builder/internal/stack"
	"image-builder/internal/testbed"
	"image-builder/internal/testbed/cloudformation"
	"image-builder/internal/testbed/wire"
)

// TestMain lets the SDK try each call once, so that each planned fault is one error here.
func TestMain(m *testing.M) {
	_ = os.Setenv("AWS_MAX_ATTEMPTS", "1")
	os.Exit(m.Run())
}

// template is a small one of this project's. An update of InstanceType changes both topics, at the same time.
const template = `Description: "image-builder: bakes AMIs"
Parameters:
  InstanceType: {Type: String}
  KeepImages: {Type: Number, Default: 3}
  Base: {Type: String, Default: ""}
  New: {Type: String, Default: ""}
Resources:
  Another:
    Type: AWS::SNS::Topic
    Properties: {DisplayName: !Ref InstanceType}
  Topic:
    Type: AWS::SNS::Topic
    Properties: {DisplayName: !Ref InstanceType}
`

// bucket is where the stack's objects go.
const bucket = "uploads"

// denied is a refusal that a retry does not get past.
var denied = wire.Fault{Code: "AccessDenied", Message: "not authorized", Status: http.StatusForbidden}

// request wants the stack of the template.
func request() deploy.Request {
	return deploy.Request{
		Template: []byte(template), Parameters: map[string]string{"InstanceType": "m7i.large", "Base": "/b"}, Keep: []string{"KeepImages", "New"},
		Uploads: []deploy.Upload{{Key: "image-builder/1/script.sh", Body: []byte("#!/bin/sh")}},
		Bucket:  deploy.Bucket{Name: bucket, Owner: wire.Account, Make: true},
	}
}

// account is an AWS account, the ports to it, and what was reported. Nothing waits in it: each pause only counts.
type account struct {
	*testbed.Cloud
	stacks  *aws.CloudFormation
	buckets *aws.S3
	builds  *aws.ImageBuilder
	notes   []string
	waits   int
	during  func(waits int) // called in each pause
}

func open(t *testing.T) *account {
	t.Helper()
	cloud := testbed.Start(t)
	session := aws.NewSession(cloud.Config())
	return &account{
		Cloud: cloud, stacks: &aws.CloudFormation{Session: session}, buckets: &aws.S3{Session: session}, builds: &aws.ImageBuilder{Session: session},
	}
}

func (a *account) wait(ctx context.Context, _ time.Duration) error {
	a.waits++
	if a.during != nil {
		a.during(a.waits)
	}
	return ctx.Err()
}

func (a *account) deploy() *deploy.Deploy {
	return &deploy.Deploy{Stacks: a.stacks, Buckets: a.buckets, Wait: a.wait, Report: func(e progress.Event) {
		if e.Kind == progress.Note {
			a.notes = append(a.notes, e.Text)
		}
	}}
}

func (a *account) remover() *deploy.Delete {
	return &deploy.Delete{Stacks: a.stacks, Builds: a.builds, Wait: a.wait}
}

// situation puts the stack nightly into a state before a test.
type situation func(*testing.T, *account)

// put makes a stack of a template with parameters; a reason belongs to the status.
func put(text string, status stack.Status, reason string, parameters map[string]string) situation {
	return func(t *testing.T, a *account) {
		t.Helper()
		_, err := a.CloudFormation.Put(cloudformation.Stack{Name: "nightly", Status: string(status), Reason: reason, Template: text, Parameters: parameters})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// in makes the stack of this project's template in a status.
func in(status stack.Status, reason string) situation {
	return put(template, status, reason, map[string]string{"InstanceType": "t3.large", "KeepImages": "7"})
}

// another makes a stack of a template that is not this project's.
func another(status stack.Status) situation {
	return put(strings.Replace(template, "image-builder: ", "", 1), status, "", map[string]string{"InstanceType": "t3.large"})
}

// then is one situation after another.
func then(situations ...situation) situation {
	return func(t *testing.T, a *account) {
		t.Helper()
		for _, s := range situations {
			s(t, a)
		}
	}
}

// called lets somebody else call CloudFormation about the stack.
func called(operation string, in wire.Values) situation {
	return func(t *testing.T, a *account) {
		t.Helper()
		if _, err := a.Do("cloudformation", operation, wire.With(in, "StackName", "nightly")); err != nil {
			t.Fatal(err)
		}
	}
}

// withTemplate is a call's template with a value for its parameter.
func withTemplate(instanceType string) wire.Values {
	return wire.Values{
		"TemplateBody": template, "Parameters": []any{wire.Values{"ParameterKey": "InstanceType", "ParameterValue": instanceType}},
	}
}

// waiting makes a change set of this name for a stack that does not exist yet.
func waiting(name string) situation {
	return called("CreateChangeSet", wire.With(wire.With(withTemplate("t3.large"), "ChangeSetName", name), "ChangeSetType", "CREATE"))
}

// failing lets the creation or update of a resource fail.
func failing(resource, reason string) situation {
	return func(_ *testing.T, a *account) { a.CloudFormation.FailResource(resource, reason, 1) }
}

// held is what the bucket holds.
func (a *account) held(t *testing.T) []string {
	t.Helper()
	keys, err := a.S3.Keys(bucket)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// left returns what there is of the stack and the bucket.
func (a *account) left() []string {
	var left []string
	if s, found := a.CloudFormation.Stack("nightly"); found {
		left = append(left, "stack in "+s.Status)
	}
	if keys, err := a.S3.Keys(bucket); err == nil {
		left = append(left, "bucket with "+strings.Join(keys, " "))
	}
	return left
}
