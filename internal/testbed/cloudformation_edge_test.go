package testbed

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	cloudformationtest "image-builder/internal/testbed/cloudformation"
	"image-builder/internal/testbed/wire"
)

// updated makes a stack, updates it with another template, and returns it with its events.
func updated(t *testing.T, c *Cloud, before, after string) (cloudformationtest.Stack, []string, error) {
	t.Helper()
	if _, err := c.CloudFormation.Put(cloudformationtest.Stack{Name: "s", Template: before, Status: "CREATE_COMPLETE"}); err != nil {
		t.Fatal(err)
	}
	o := &ours{T: t, cloud: c, client: cloudformation.NewFromConfig(c.config("cloudformation"))}
	_, err := o.client.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{StackName: aws.String("s"), TemplateBody: &after})
	if err != nil {
		return cloudformationtest.Stack{}, nil, err
	}

	s, _ := c.CloudFormation.Finish("s")
	return s, o.events("s"), nil
}

func TestUpdatesThatAWSDoesNotMake(t *testing.T) {
	t.Parallel()
	const topic = "Resources: {A: {Type: AWS::SNS::Topic, Properties: {TopicName: a}}}"
	t.Run("another type", func(t *testing.T) {
		t.Parallel()
		c := Start(t)
		_, _, err := updated(t, c, topic, "Resources: {A: {Type: AWS::SQS::Queue}}")

		const says = "Update of resource type is not permitted. The new template modifies resource type of the following resources: [A]"
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v", err)
		}
		client := cloudformation.NewFromConfig(c.config("cloudformation"))

		in := &cloudformation.CreateChangeSetInput{StackName: aws.String("s"), ChangeSetName: aws.String("cs"), TemplateBody: aws.String("Resources: {A: {Type: AWS::SQS::Queue}}")}
		if _, err := client.CreateChangeSet(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		var cs *cloudformation.DescribeChangeSetOutput
		for range 2 {
			cs, err = client.DescribeChangeSet(t.Context(), &cloudformation.DescribeChangeSetInput{StackName: in.StackName, ChangeSetName: in.ChangeSetName})
			if err != nil {
				t.Fatal(err)
			}
		}

		if cs.Status != types.ChangeSetStatusFailed || *cs.StatusReason != says {
			t.Errorf("change set %s: %s", cs.Status, aws.ToString(cs.StatusReason))
		}
	})

	t.Run("a name that stays", func(t *testing.T) {
		t.Parallel()
		s, events, err := updated(t, Start(t), topic, strings.Replace(topic, "TopicName: a", "TopicName: a, FifoTopic: true", 1))
		want := "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename arn:aws:sns:eu-central-1:123456789012:a and update the stack again."
		if err != nil || s.Status != "UPDATE_ROLLBACK_COMPLETE" || !slices.Contains(events, "A UPDATE_FAILED "+want) {
			t.Errorf("stack is %s, %v\n%s", s.Status, err, strings.Join(events, "\n"))
		}
	})
}

func TestWhatIsLeftOfAnUpdate(t *testing.T) {
	t.Parallel()
	const two = "Resources: {A: {Type: AWS::SNS::Topic}, B: {Type: AWS::SNS::Topic}}"
	t.Run("cannot be deleted", func(t *testing.T) {
		t.Parallel()
		c := Start(t)
		c.CloudFormation.FailDeletion("B", "it is in use", 1)
		s, events, err := updated(t, c, two, "Resources: {A: {Type: AWS::SNS::Topic}}")
		if err != nil || s.Status != "UPDATE_COMPLETE" || s.Reason != "Update successful. One or more resources could not be deleted." || !slices.Contains(events, "B DELETE_FAILED it is in use") {
			t.Errorf("stack is %s: %s, %v\n%s", s.Status, s.Reason, err, strings.Join(events, "\n"))
		}
	})

	t.Run("is to be kept", func(t *testing.T) {
		t.Parallel()
		kept := strings.Replace(two, "B: {", "B: {DeletionPolicy: Retain, ", 1)
		s, events, err := updated(t, Start(t), kept, "Resources: {A: {Type: AWS::SNS::Topic}}")
		if err != nil || s.Status != "UPDATE_COMPLETE" || !slices.Contains(events, "B DELETE_SKIPPED") {
			t.Errorf("stack is %s: %s, %v\n%s", s.Status, s.Reason, err, strings.Join(events, "\n"))
		}
	})
}

// A change set keeps its name until it is deleted or executed; a repeated request is the same one.
func TestNamesOfChangeSets(t *testing.T) {
	t.Parallel()
	c := Start(t)
	client := cloudformation.NewFromConfig(c.config("cloudformation"))
	in := &cloudformation.CreateChangeSetInput{
		StackName: aws.String("s"), ChangeSetName: aws.String("cs"), ChangeSetType: types.ChangeSetTypeCreate, TemplateBody: aws.String(topicTemplate), ClientToken: aws.String("one"),
	}

	var ids []string
	for range 2 {
		out, err := client.CreateChangeSet(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, *out.Id)
	}

	if ids[0] != ids[1] {
		t.Errorf("two change sets for one request: %q", ids)
	}
	in.ClientToken = aws.String("two")
	if _, err := client.CreateChangeSet(t.Context(), in); code(err) != "AlreadyExistsException" || !strings.Contains(err.Error(), "mismatch with existing attribute ClientToken") {
		t.Errorf("error %v", err)
	}
}

// A client that is not this project's makes, changes and deletes our stack.
func TestOurStackByAForeignClient(t *testing.T) {
	t.Parallel()
	o := newOurs(t)
	r := &replay{cloud: o.cloud, client: startForeign(t), stack: "nightly"}
	r.of("s3", "HeadObject", wire.Values{"Bucket": "templates", "Key": "aws-stack.yml", "ExpectedBucketOwner": wire.Account})
	in := wire.Values{
		"StackName": "nightly", "ChangeSetName": "first", "ChangeSetType": "CREATE", "TemplateURL": ourURL, "Capabilities": []any{"CAPABILITY_IAM"},
		"Parameters": parametersOf(required),
	}

	created := r.do("CreateChangeSet", in)
	changes := r.made(wire.Values{"ChangeSetName": created["Id"]}, "CREATE_COMPLETE")["Changes"].([]any)
	r.do("ExecuteChangeSet", wire.Values{"ChangeSetName": created["Id"]})
	s := r.wait("nightly", "CREATE_COMPLETE")

	resources := r.do("DescribeStackResources", wire.Values{"StackName": "nightly"})["StackResources"].([]any)
	if len(resources) != len(changes) || !strings.HasPrefix(wire.Text(s, "Description"), "image-builder: ") {
		t.Errorf("%d resources of %d changes, description %q", len(resources), len(changes), s["Description"])
	}
	in["ChangeSetName"] = "second"
	in["ChangeSetType"] = "UPDATE"
	in["Parameters"] = parametersOf(map[string]string{"BaseAmiParameter": "/base/other", "OutputAmiParameter": "/output/ami"})
	update := r.do("CreateChangeSet", in)
	r.made(wire.Values{"ChangeSetName": update["Id"]}, "CREATE_COMPLETE")
	r.do("ExecuteChangeSet", wire.Values{"ChangeSetName": update["Id"]})

	r.wait("nightly", "UPDATE_COMPLETE")
	r.destroy(s["StackId"].(string))

	if _, text := r.fails("DescribeStacks", wire.Values{"StackName": "nightly"}); !strings.Contains(text, "does not exist") {
		t.Errorf("error %s", text)
	}
}
