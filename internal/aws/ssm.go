package aws

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"image-builder/internal/image"
)

// Parameters reads and writes SSM Parameter Store.
type Parameters struct {
	Session *Session

	once   sync.Once
	client *ssm.Client
}

func (p *Parameters) open(ctx context.Context) (*ssm.Client, error) {
	cfg, err := p.Session.regional(ctx)
	if err != nil {
		return nil, err
	}
	p.once.Do(func() { p.client = ssm.NewFromConfig(cfg) })
	return p.client, nil
}

// Parameter returns the value of a parameter; the values of a StringList are separated by commas. A secret of Secrets
// Manager has the name /aws/reference/secretsmanager/ID. The error is an fs.ErrNotExist if there is none.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html
func (p *Parameters) Parameter(ctx context.Context, name string) (string, error) {
	client, err := p.open(ctx)
	if err != nil {
		return "", fmt.Errorf("get parameter %s: %w", name, err)
	}
	out, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
	if err != nil {
		return "", p.Session.explain(ctx, "get parameter "+name, notThere(err))
	}
	return aws.ToString(out.Parameter.Value), nil
}

// Under returns the parameters below a path, at any depth, by full name.
func (p *Parameters) Under(ctx context.Context, path string) (map[string]string, error) {
	client, err := p.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("get parameters under %s: %w", path, err)
	}
	pages := ssm.NewGetParametersByPathPaginator(client, &ssm.GetParametersByPathInput{
		Path: &path, Recursive: aws.Bool(true), WithDecryption: aws.Bool(true),
	})

	values := map[string]string{}
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, p.Session.explain(ctx, "get parameters under "+path, err)
		}
		for _, parameter := range page.Parameters {
			values[aws.ToString(parameter.Name)] = aws.ToString(parameter.Value)
		}
	}

	return values, nil
}

// Read returns a parameter without decrypting it. The error is an fs.ErrNotExist if the parameter does not exist.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
func (p *Parameters) Read(ctx context.Context, name string) (image.Parameter, error) {
	client, err := p.open(ctx)
	if err != nil {
		return image.Parameter{}, err
	}
	out, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
	if err != nil {
		return image.Parameter{}, p.Session.explain(ctx, "look at parameter "+name, notThere(err))
	}

	return image.Parameter{
		Name: name, Value: aws.ToString(out.Parameter.Value), Type: string(out.Parameter.Type), DataType: aws.ToString(out.Parameter.DataType),
	}, nil
}

// notThere makes the error for a missing parameter an fs.ErrNotExist.
func notThere(err error) error {
	var missing *types.ParameterNotFound
	if errors.As(err, &missing) {
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return err
}

// Write creates or changes a parameter. One of data type aws:ec2:image gets its value after a while, or never if SSM
// does not find the AMI.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html
func (p *Parameters) Write(ctx context.Context, parameter image.Parameter) error {
	client, err := p.open(ctx)
	if err != nil {
		return err
	}
	_, err = client.PutParameter(ctx, &ssm.PutParameterInput{
		Name: &parameter.Name, Value: &parameter.Value, Type: types.ParameterType(parameter.Type), DataType: &parameter.DataType, Overwrite: aws.Bool(true),
	})
	return p.Session.explain(ctx, "write parameter "+parameter.Name, err)
}
