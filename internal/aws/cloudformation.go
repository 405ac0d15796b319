package aws

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/smithy-go"

	"image-builder/internal/stack"
)

// CloudFormation reads and changes stacks of one region.
type CloudFormation struct {
	Session *Session

	once   sync.Once
	client *cloudformation.Client
}

func (c *CloudFormation) open(ctx context.Context) (*cloudformation.Client, error) {
	cfg, err := c.Session.regional(ctx)
	if err != nil {
		return nil, err
	}
	c.once.Do(func() { c.client = cloudformation.NewFromConfig(cfg) })
	return c.client, nil
}

// Stack returns the stack of a name, or of an ARN: that finds one that was deleted, too. One that is not there is a
// fs.ErrNotExist.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
func (c *CloudFormation) Stack(ctx context.Context, name string) (stack.Stack, error) {
	client, err := c.open(ctx)
	if err != nil {
		return stack.Stack{}, err
	}
	out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		return stack.Stack{}, c.explain(ctx, "look at stack "+nameOf(name), err)
	}
	if len(out.Stacks) != 1 {
		return stack.Stack{}, fmt.Errorf("look at stack %s: CloudFormation shows %d", name, len(out.Stacks))
	}

	return stackOf(out.Stacks[0]), nil
}

// Template returns the text of a stack's template as it was given to CloudFormation.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html
func (c *CloudFormation) Template(ctx context.Context, name string) ([]byte, error) {
	client, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	out, err := client.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &name, TemplateStage: types.TemplateStageOriginal})
	if err != nil {
		return nil, c.explain(ctx, "read the template of stack "+nameOf(name), err)
	}
	return []byte(aws.ToString(out.TemplateBody)), nil
}

// Ours returns the stacks of the region that were made from this project's template, whatever became of them; those
// that only a change set waits for are not among them.
func (c *CloudFormation) Ours(ctx context.Context) ([]stack.Stack, error) {
	client, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	var ours []stack.Stack

	pages := cloudformation.NewDescribeStacksPaginator(client, &cloudformation.DescribeStacksInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, c.explain(ctx, "list stacks", err)
		}
		for _, given := range page.Stacks {
			if s := stackOf(given); s.Ours() && s.Status != stack.ReviewInProgress {
				ours = append(ours, s)
			}
		}
	}

	return ours, nil
}

// Events returns the events of a stack, newest first, as far as they are read: one page is asked for at a time.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html
func (c *CloudFormation) Events(ctx context.Context, id string) iter.Seq2[stack.Event, error] {
	return func(yield func(stack.Event, error) bool) {
		client, err := c.open(ctx)
		if err != nil {
			yield(stack.Event{}, err)
			return
		}

		pages := cloudformation.NewDescribeStackEventsPaginator(client, &cloudformation.DescribeStackEventsInput{StackName: &id})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(stack.Event{}, c.explain(ctx, "read the events of stack "+nameOf(id), err))
				return
			}
			for _, event := range page.StackEvents {
				if !yield(eventOf(event), nil) {
					return
				}
			}
		}
	}
}

// DeleteStack starts to delete a stack. The token makes it one deletion, however often it is sent.
func (c *CloudFormation) DeleteStack(ctx context.Context, id, token string) error {
	client, err := c.open(ctx)
	if err != nil {
		return err
	}
	_, err = client.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &id, ClientRequestToken: &token})
	err = c.explain(ctx, "delete stack "+nameOf(id), err)
	if call := (*callError)(nil); errors.As(err, &call) && strings.Contains(call.cause, "TerminationProtection") {
		call.next = "if it is really meant: aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name " + nameOf(id)
	}
	return err
}

// explain says which errors mean that something is not there. CloudFormation has no code of its own for a stack.
func (c *CloudFormation) explain(ctx context.Context, what string, err error) error {
	var api smithy.APIError
	var changeSet *types.ChangeSetNotFoundException
	absent := errors.As(err, &api) && api.ErrorCode() == "ValidationError" && strings.Contains(api.ErrorMessage(), "does not exist")
	if absent || errors.As(err, &changeSet) {
		err = fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return c.Session.explain(ctx, what, err)
}

// nameOf returns the name in a stack's ARN, or the name that was given instead of one.
func nameOf(id string) string {
	if parts := strings.Split(id, "/"); len(parts) == 3 {
		return parts[1]
	}
	return id
}

func stackOf(s types.Stack) stack.Stack {
	read := stack.Stack{
		ID: aws.ToString(s.StackId), Name: aws.ToString(s.StackName), Status: stack.Status(s.StackStatus),
		Reason: aws.ToString(s.StackStatusReason), Description: aws.ToString(s.Description),
		Parameters: map[string]string{}, Outputs: map[string]string{},
		Created: aws.ToTime(s.CreationTime), Updated: aws.ToTime(s.LastUpdatedTime),
	}
	for _, parameter := range s.Parameters {
		read.Parameters[aws.ToString(parameter.ParameterKey)] = aws.ToString(parameter.ParameterValue)
	}

	for _, output := range s.Outputs {
		read.Outputs[aws.ToString(output.OutputKey)] = aws.ToString(output.OutputValue)
	}

	return read
}

func eventOf(e types.StackEvent) stack.Event {
	return stack.Event{
		ID: aws.ToString(e.EventId), Time: aws.ToTime(e.Timestamp), LogicalID: aws.ToString(e.LogicalResourceId),
		PhysicalID: aws.ToString(e.PhysicalResourceId), Type: aws.ToString(e.ResourceType),
		Status: stack.Status(e.ResourceStatus), Reason: aws.ToString(e.ResourceStatusReason),
	}
}
