package aws

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// Parameters reads SSM Parameter Store, decrypted.
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

// Parameter returns the value of a parameter; a StringList has commas between its values. A secret of Secrets Manager
// has the name /aws/reference/secretsmanager/ID.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/integration-ps-secretsmanager.html
func (p *Parameters) Parameter(ctx context.Context, name string) (string, error) {
	client, err := p.open(ctx)
	if err != nil {
		return "", fmt.Errorf("get parameter %s: %w", name, err)
	}
	out, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
	if err != nil {
		return "", p.Session.explain(ctx, "get parameter "+name, err)
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
