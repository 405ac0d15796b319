package testbed

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"image-builder/templates"
)

// ours is a client of a cloud whose S3 holds the project's template.
type ours struct {
	*testing.T
	cloud  *Cloud
	client *cloudformation.Client
}

const ourURL = "https://templates.s3.eu-central-1.amazonaws.com/aws-stack.yml"

func newOurs(t *testing.T) *ours {
	t.Helper()
	o := &ours{T: t, cloud: Start(t)}
	o.client = cloudformation.NewFromConfig(o.cloud.config("cloudformation"))

	text, err := templates.Stack()
	if err != nil {
		t.Fatal(err)
	}
	if err := o.cloud.S3.Put("templates", "aws-stack.yml", text); err != nil {
		t.Fatal(err)
	}

	return o
}

// required are the parameters of our template that have no default.
var required = map[string]string{"BaseAmiParameter": "/base/ami", "OutputAmiParameter": "/output/ami"}

// changeSet makes a change set and waits for it.
func (o *ours) changeSet(kind types.ChangeSetType, parameters map[string]string, keep ...string) *cloudformation.DescribeChangeSetOutput {
	o.Helper()
	in := &cloudformation.CreateChangeSetInput{
		StackName: aws.String("nightly"), ChangeSetName: aws.String("cs"), ChangeSetType: kind, TemplateURL: aws.String(ourURL),
		Capabilities: []types.Capability{types.CapabilityCapabilityIam},
	}
	for name, value := range parameters {
		in.Parameters = append(in.Parameters, types.Parameter{ParameterKey: &name, ParameterValue: &value})
	}

	for _, name := range keep {
		in.Parameters = append(in.Parameters, types.Parameter{ParameterKey: &name, UsePreviousValue: aws.Bool(true)})
	}

	created, err := o.client.CreateChangeSet(o.Context(), in)
	if err != nil {
		o.Fatal(err)
	}

	for {
		cs, err := o.client.DescribeChangeSet(o.Context(), &cloudformation.DescribeChangeSetInput{ChangeSetName: created.Id, IncludePropertyValues: aws.Bool(true)})
		if err != nil {
			o.Fatal(err)
		}
		if cs.Status == types.ChangeSetStatusCreateComplete || cs.Status == types.ChangeSetStatusFailed {
			return cs
		}
	}
}

// execute executes a change set, and returns the stack after the operation.
func (o *ours) execute(cs *cloudformation.DescribeChangeSetOutput) types.Stack {
	o.Helper()
	if _, err := o.client.ExecuteChangeSet(o.Context(), &cloudformation.ExecuteChangeSetInput{ChangeSetName: cs.ChangeSetId}); err != nil {
		o.Fatal(err)
	}
	return o.end("nightly")
}

// end waits until a stack's operation has ended.
func (o *ours) end(name string) types.Stack {
	o.Helper()
	for {
		out, err := o.client.DescribeStacks(o.Context(), &cloudformation.DescribeStacksInput{StackName: &name})
		if err != nil {
			o.Fatal(err)
		}
		if !strings.HasSuffix(string(out.Stacks[0].StackStatus), "_IN_PROGRESS") {
			return out.Stacks[0]
		}
	}
}

// events returns a stack's events, oldest first, each as "Resource STATUS reason".
func (o *ours) events(id string) []string {
	o.Helper()
	var all []string

	pages := cloudformation.NewDescribeStackEventsPaginator(o.client, &cloudformation.DescribeStackEventsInput{StackName: &id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(o.Context())
		if err != nil {
			o.Fatal(err)
		}
		for _, e := range page.StackEvents {
			all = append(all, strings.TrimSpace(*e.LogicalResourceId+" "+string(e.ResourceStatus)+" "+aws.ToString(e.ResourceStatusReason)))
		}
	}

	slices.Reverse(all)
	return all
}

// deploy makes our stack.
func (o *ours) deploy() types.Stack {
	o.Helper()
	s := o.execute(o.changeSet(types.ChangeSetTypeCreate, required))
	if s.StackStatus != types.StackStatusCreateComplete {
		o.Fatalf("stack is %s: %s\n%s", s.StackStatus, aws.ToString(s.StackStatusReason), strings.Join(o.events("nightly"), "\n"))
	}
	return s
}

func TestOurStack(t *testing.T) {
	t.Parallel()
	o := newOurs(t)
	o.cloud.CloudFormation.SetPageSize(7) // pages of everything

	cs := o.changeSet(types.ChangeSetTypeCreate, required)
	if !strings.HasPrefix(aws.ToString(cs.StatusReason), "[WARN] --include-property-values option can return incomplete ChangeSet data") {
		t.Errorf("status reason %q, want the warning that AWS gives of values that it does not know", aws.ToString(cs.StatusReason))
	}
	if len(cs.Changes) != 7 || cs.NextToken == nil || cs.Changes[0].ResourceChange.Action != types.ChangeActionAdd {
		t.Errorf("%d changes on the first page, token %v", len(cs.Changes), cs.NextToken)
	}

	s := o.execute(cs)
	outputs := map[string]string{}
	for _, output := range s.Outputs {
		outputs[*output.OutputKey] = *output.OutputValue
	}

	if s.StackStatus != types.StackStatusCreateComplete || !strings.HasPrefix(outputs["Pipeline"], "arn:aws:imagebuilder:eu-central-1:123456789012:image-pipeline/") {
		t.Errorf("stack is %s, outputs %v\n%s", s.StackStatus, outputs, strings.Join(o.events("nightly"), "\n"))
	}
	if !strings.HasPrefix(aws.ToString(s.Description), "image-builder: ") {
		t.Errorf("description %q", aws.ToString(s.Description))
	}

	events := o.events("nightly")
	if n := len(o.cloud.CloudFormation.Resources("nightly")); len(events) != 3+3*n {
		t.Errorf("%d events of %d resources, want three of each and of the stack", len(events), n)
	}
	nothing := o.changeSet(types.ChangeSetTypeUpdate, nil, "BaseAmiParameter", "OutputAmiParameter")
	if nothing.Status != types.ChangeSetStatusFailed || !strings.Contains(*nothing.StatusReason, "didn't contain changes") {
		t.Errorf("%s %s", nothing.Status, aws.ToString(nothing.StatusReason))
	}
	if _, err := o.client.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: s.StackId}); err != nil {
		t.Fatal(err)
	}

	s = o.end(*s.StackId)
	if s.StackStatus != types.StackStatusDeleteComplete {
		t.Errorf("stack is %s: %s", s.StackStatus, aws.ToString(s.StackStatusReason))
	}
}

// All options together.
func TestOurStackWithEverything(t *testing.T) {
	t.Parallel()
	o := newOurs(t)
	s := o.execute(o.changeSet(types.ChangeSetTypeCreate, map[string]string{
		"BaseAmiParameter": "/base/ami", "OutputAmiParameter": "output-ami", "BootstrapScriptUrl": "s3://acme/bootstrap.sh", "Packages": "jq zstd",
		"GitMirrors": "https://github.com/acme/app.git", "DockerImages": "alpine:3", "SecretsBucket": "acme-secrets", "SecretsPrefix": "ami",
		"SecretNames": "one,two", "ScheduleExpression": "cron(0 3 * * ? *)", "SubnetId": "subnet-0123456789abcdef0", "RootDeviceName": "/dev/xvda", "RootVolumeSize": "50",
		"ComponentDocumentUrl": "s3://acme/extra.yml", "ComponentDocumentVersion": "1.0.1",
	}))
	if s.StackStatus != types.StackStatusCreateComplete {
		t.Errorf("stack is %s: %s\n%s", s.StackStatus, aws.ToString(s.StackStatusReason), strings.Join(o.events("nightly"), "\n"))
	}
}

// A failing resource cancels those in progress; everything is deleted, and the name stays blocked.
func TestCreationThatFails(t *testing.T) {
	t.Parallel()
	o := newOurs(t)
	o.cloud.CloudFormation.FailResource("ExecutionRole", "Role with that name exists", 1)

	s := o.execute(o.changeSet(types.ChangeSetTypeCreate, required))
	if s.StackStatus != types.StackStatusRollbackComplete || s.StackStatusReason != nil {
		t.Errorf("stack is %s: %v", s.StackStatus, aws.ToString(s.StackStatusReason))
	}
	events := o.events("nightly")
	at := slices.Index(events, "ExecutionRole CREATE_FAILED Role with that name exists")
	if at < 0 || !strings.HasSuffix(events[at+1], " CREATE_FAILED Resource creation cancelled") {
		t.Fatalf("events:\n%s", strings.Join(events, "\n"))
	}

	down := slices.IndexFunc(events, func(e string) bool {
		return strings.HasPrefix(e, "nightly ROLLBACK_IN_PROGRESS The following resource(s) failed to create: [")
	})
	if down < at || !strings.HasSuffix(events[down], "]. Rollback requested by user.") || len(o.cloud.CloudFormation.Resources("nightly")) > 0 {
		t.Errorf("events:\n%s", strings.Join(events, "\n"))
	}

	in := &cloudformation.CreateChangeSetInput{StackName: aws.String("nightly"), ChangeSetName: aws.String("again"), ChangeSetType: types.ChangeSetTypeUpdate, TemplateURL: aws.String(ourURL)}
	if _, err := o.client.CreateChangeSet(t.Context(), in); err == nil || !strings.Contains(err.Error(), "is in ROLLBACK_COMPLETE state and can not be updated.") {
		t.Errorf("error %v", err)
	}
	in.ChangeSetType = types.ChangeSetTypeCreate
	if _, err := o.client.CreateChangeSet(t.Context(), in); err == nil || !strings.Contains(err.Error(), "already exists and cannot be created again") {
		t.Errorf("error %v", err)
	}
	if _, err := o.client.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: aws.String("nightly")}); err != nil {
		t.Fatal(err)
	}

	o.end(*s.StackId)
	o.deploy()
}

func TestCreationThatFailsIsLeftOrDeleted(t *testing.T) {
	t.Parallel()
	for then, want := range map[types.OnStackFailure]types.StackStatus{
		types.OnStackFailureDoNothing: types.StackStatusCreateFailed, types.OnStackFailureDelete: types.StackStatusDeleteComplete,
	} {
		t.Run(string(then), func(t *testing.T) {
			t.Parallel()
			o := newOurs(t)
			o.cloud.CloudFormation.FailResource("SimpleParam", "no", 1)

			created, err := o.client.CreateChangeSet(t.Context(), &cloudformation.CreateChangeSetInput{
				StackName: aws.String("s"), ChangeSetName: aws.String("cs"), ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: aws.String(minimalTemplate), OnStackFailure: then,
			})
			if err != nil {
				t.Fatal(err)
			}

			for range 2 {
				if _, err := o.client.DescribeChangeSet(t.Context(), &cloudformation.DescribeChangeSetInput{ChangeSetName: created.Id}); err != nil {
					t.Fatal(err)
				}
			}

			in := &cloudformation.ExecuteChangeSetInput{ChangeSetName: created.Id, ClientRequestToken: aws.String("token")}
			for range 2 { // the second repeats the first
				if _, err := o.client.ExecuteChangeSet(t.Context(), in); err != nil {
					t.Fatal(err)
				}
			}

			in.ClientRequestToken = nil
			if _, err := o.client.ExecuteChangeSet(t.Context(), in); code(err) != "InvalidChangeSetStatus" {
				t.Errorf("error %v, want InvalidChangeSetStatus", err)
			}
			if s := o.end(*created.StackId); s.StackStatus != want {
				t.Errorf("stack is %s, want %s", s.StackStatus, want)
			}
		})
	}
}
