package aws

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"image-builder/internal/deploy"
	"image-builder/internal/stack"
)

// CreateChangeSet asks CloudFormation to work out a change set. The error is an fs.ErrExist if the stack already has
// one of that name. https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
func (c *CloudFormation) CreateChangeSet(ctx context.Context, wanted deploy.Wanted) (id string, err error) {
	client, err := c.open(ctx)
	if err != nil {
		return "", err
	}
	in := &cloudformation.CreateChangeSetInput{
		StackName: &wanted.Stack, ChangeSetName: &wanted.ChangeSet, TemplateURL: &wanted.TemplateURL,
		ChangeSetType: types.ChangeSetTypeCreate, ClientToken: &wanted.Token,
		Capabilities: []types.Capability{types.CapabilityCapabilityIam}, Parameters: parametersOf(wanted),
		Description: aws.String("made by image-builder deploy"),
	}

	if wanted.Update {
		in.ChangeSetType = types.ChangeSetTypeUpdate
	}

	out, err := client.CreateChangeSet(ctx, in)
	if err != nil {
		var exists *types.AlreadyExistsException
		if errors.As(err, &exists) {
			err = fmt.Errorf("%w: %w", fs.ErrExist, err)
		}
		return "", c.explain(ctx, "make a change set for stack "+wanted.Stack, err)
	}

	return aws.ToString(out.Id), nil
}

// parametersOf lists the parameters by name, so that equal parameters make equal requests.
func parametersOf(wanted deploy.Wanted) []types.Parameter {
	var parameters []types.Parameter
	for name, value := range wanted.Parameters {
		parameters = append(parameters, types.Parameter{ParameterKey: &name, ParameterValue: &value})
	}

	for _, name := range wanted.Keep {
		parameters = append(parameters, types.Parameter{ParameterKey: &name, UsePreviousValue: aws.Bool(true)})
	}

	slices.SortFunc(parameters, func(a, b types.Parameter) int {
		if *a.ParameterKey < *b.ParameterKey {
			return -1
		}
		return 1
	})

	return parameters
}

// ChangeSet returns a change set of a stack, by name or ARN, with all changes. The error is an fs.ErrNotExist if it
// does not exist. https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html
func (c *CloudFormation) ChangeSet(ctx context.Context, stackID, name string) (stack.ChangeSet, error) {
	client, err := c.open(ctx)
	if err != nil {
		return stack.ChangeSet{}, err
	}
	read := stack.ChangeSet{Changes: []stack.Change{}}

	pages := cloudformation.NewDescribeChangeSetPaginator(client, &cloudformation.DescribeChangeSetInput{
		StackName: &stackID, ChangeSetName: &name, IncludePropertyValues: aws.Bool(true),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return stack.ChangeSet{}, c.explain(ctx, "look at the change set of stack "+nameOf(stackID), err)
		}
		read.ID = aws.ToString(page.ChangeSetId)
		read.Name = aws.ToString(page.ChangeSetName)
		read.StackID = aws.ToString(page.StackId)
		read.Status = stack.Status(page.Status)
		read.Execution = stack.Status(page.ExecutionStatus)
		read.Reason = aws.ToString(page.StatusReason)
		for _, change := range page.Changes {
			if change.ResourceChange != nil {
				read.Changes = append(read.Changes, changeOf(change.ResourceChange))
			}
		}
	}

	return read, nil
}

// ChangeSetNames returns the names of a stack's change sets.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListChangeSets.html
func (c *CloudFormation) ChangeSetNames(ctx context.Context, stackID string) ([]string, error) {
	client, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	var names []string

	pages := cloudformation.NewListChangeSetsPaginator(client, &cloudformation.ListChangeSetsInput{StackName: &stackID})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, c.explain(ctx, "list the change sets of stack "+nameOf(stackID), err)
		}
		for _, summary := range page.Summaries {
			names = append(names, aws.ToString(summary.ChangeSetName))
		}
	}

	return names, nil
}

// DeleteChangeSet removes a change set. A change set that does not exist is not an error.
func (c *CloudFormation) DeleteChangeSet(ctx context.Context, stackID, name string) error {
	client, err := c.open(ctx)
	if err != nil {
		return err
	}
	_, err = client.DeleteChangeSet(ctx, &cloudformation.DeleteChangeSetInput{StackName: &stackID, ChangeSetName: &name})
	err = c.explain(ctx, "discard the change set of stack "+nameOf(stackID), err)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// ExecuteChangeSet starts the changes of a change set. CloudFormation rolls back what fails. Calls with the same
// token are one execution.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ExecuteChangeSet.html
func (c *CloudFormation) ExecuteChangeSet(ctx context.Context, stackID, id, token string) error {
	client, err := c.open(ctx)
	if err != nil {
		return err
	}
	_, err = client.ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{
		StackName: &stackID, ChangeSetName: &id, ClientRequestToken: &token, DisableRollback: aws.Bool(false),
	})
	return c.explain(ctx, "execute the change set of stack "+nameOf(stackID), err)
}

func changeOf(r *types.ResourceChange) stack.Change {
	change := stack.Change{
		Action: string(r.Action), LogicalID: aws.ToString(r.LogicalResourceId), PhysicalID: aws.ToString(r.PhysicalResourceId),
		Type: aws.ToString(r.ResourceType), Replacement: string(r.Replacement),
		Policy: string(r.PolicyAction),
	}
	for _, d := range r.Details {
		detail := stack.Detail{Source: string(d.ChangeSource), Cause: aws.ToString(d.CausingEntity)}
		if t := d.Target; t != nil {
			detail.Path = pathOf(t)
			detail.Before = aws.ToString(t.BeforeValue)
			detail.After = aws.ToString(t.AfterValue)
			detail.Recreation = string(t.RequiresRecreation)
		}
		change.Details = append(change.Details, detail)
	}

	return change
}

// pathOf names what changes: the property, or tags, metadata and the like.
func pathOf(t *types.ResourceTargetDefinition) string {
	switch {
	case aws.ToString(t.Path) != "":
		return aws.ToString(t.Path)
	case aws.ToString(t.Name) != "":
		return aws.ToString(t.Name)
	}
	return string(t.Attribute)
}
