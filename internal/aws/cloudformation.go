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

// Stack returns a stack by name or ARN; by ARN it also finds a deleted one. The error is an fs.ErrNotExist if the
// stack does not exist. https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
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

// Template returns the text of a stack's template exactly as CloudFormation received it.
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

// Ours returns the region's stacks that were made from this project's template, in any status except
// REVIEW_IN_PROGRESS: those exist only for a change set.
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

// Events yields the events of a stack, newest first. It requests the next page only when the caller reads on.
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

// DeleteStack starts to delete a stack. Calls with the same token are one deletion.
func (c *CloudFormation) DeleteStack(ctx context.Context, id, token string) error {
	client, err := c.open(ctx)
	if err != nil {
		return err
	}
	_, err = client.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &id, ClientRequestToken: &token})
	err = c.explain(ctx, "delete stack "+nameOf(id), err)
	if call := (*callError)(nil); errors.As(err, &call) && strings.Contains(call.cause, "TerminationProtection") {
		call.hint = "if it is really meant: aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name " + nameOf(id)
	}
	return err
}

// explain recognises the errors that mean "not found". CloudFormation has no error code of its own for a missing
// stack.
func (c *CloudFormation) explain(ctx context.Context, what string, err error) error {
	var api smithy.APIError
	var changeSet *types.ChangeSetNotFoundException
	absent := errors.As(err, &api) && api.ErrorCode() == "ValidationError" && strings.Contains(api.ErrorMessage(), "does not exist")
	if absent || errors.As(err, &changeSet) {
		err = fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return c.Session.explain(ctx, what, err)
}

// nameOf returns the name in a stack's ARN. Anything that is not an ARN is returned as it is.
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
