package testbed

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"image-builder/internal/testbed/ec2"
	ssmtest "image-builder/internal/testbed/ssm"
)

func (c *Cloud) parameters() *ssm.Client { return ssm.NewFromConfig(c.config("ssm")) }

func TestPutParameter(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		in   ssm.PutParameterInput
		code string
	}{
		"a new one":                 {in: ssm.PutParameterInput{Name: aws.String("/new/one"), Value: aws.String("x"), Type: "String"}},
		"over an old one":           {in: ssm.PutParameterInput{Name: aws.String("/old"), Value: aws.String("x"), Overwrite: aws.Bool(true)}},
		"the AMI of an AMI":         {in: ssm.PutParameterInput{Name: aws.String("/image"), Value: aws.String("x"), Overwrite: aws.Bool(true)}},
		"not over":                  {in: ssm.PutParameterInput{Name: aws.String("/old"), Value: aws.String("x"), Type: "String"}, code: "ParameterAlreadyExists"},
		"without a type":            {in: ssm.PutParameterInput{Name: aws.String("/new"), Value: aws.String("x")}, code: "ValidationException"},
		"with another type":         {in: ssm.PutParameterInput{Name: aws.String("/old"), Value: aws.String("x"), Type: "StringList", Overwrite: aws.Bool(true)}, code: "HierarchyTypeMismatchException"},
		"to an AMI":                 {in: ssm.PutParameterInput{Name: aws.String("/old"), Value: aws.String("x"), DataType: aws.String("aws:ec2:image"), Overwrite: aws.Bool(true)}, code: "ValidationException"},
		"from an AMI":               {in: ssm.PutParameterInput{Name: aws.String("/image"), Value: aws.String("x"), DataType: aws.String("text"), Overwrite: aws.Bool(true)}, code: "ValidationException"},
		"an unknown data type":      {in: ssm.PutParameterInput{Name: aws.String("/new"), Value: aws.String("x"), Type: "String", DataType: aws.String("ami")}, code: "ValidationException"},
		"a secret AMI":              {in: ssm.PutParameterInput{Name: aws.String("/new"), Value: aws.String("x"), Type: "SecureString", DataType: aws.String("aws:ec2:image")}, code: "ValidationException"},
		"AWS's name":                {in: ssm.PutParameterInput{Name: aws.String("/aws/x"), Value: aws.String("x"), Type: "String"}, code: "AccessDeniedException"},
		"SSM's name":                {in: ssm.PutParameterInput{Name: aws.String("ssm-x"), Value: aws.String("x"), Type: "String"}, code: "ValidationException"},
		"no slash first":            {in: ssm.PutParameterInput{Name: aws.String("a/b"), Value: aws.String("x"), Type: "String"}, code: "ValidationException"},
		"a space":                   {in: ssm.PutParameterInput{Name: aws.String("a b"), Value: aws.String("x"), Type: "String"}, code: "ValidationException"},
		"too deep":                  {in: ssm.PutParameterInput{Name: aws.String(strings.Repeat("/a", 16)), Value: aws.String("x"), Type: "String"}, code: "HierarchyLevelLimitExceededException"},
		"too long":                  {in: ssm.PutParameterInput{Name: aws.String("/new"), Value: aws.String(strings.Repeat("x", 4097)), Type: "String"}, code: "ValidationException"},
		"not as its pattern says":   {in: ssm.PutParameterInput{Name: aws.String("/new"), Value: aws.String("x"), Type: "String", AllowedPattern: aws.String("^ami-")}, code: "ParameterPatternMismatchException"},
		"tags of what is there yet": {in: ssm.PutParameterInput{Name: aws.String("/old"), Value: aws.String("x"), Overwrite: aws.Bool(true), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}, code: "ValidationException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Start(t)
			c.SSM.Put(ssmtest.Parameter{Name: "/old", Value: "before"})
			c.SSM.Put(ssmtest.Parameter{Name: "/image", Value: "ami-0", DataType: "aws:ec2:image"})
			out, err := c.parameters().PutParameter(t.Context(), &test.in)

			if test.code != "" {
				refused(t, err, test.code)
				return
			}
			if err != nil || out.Tier != "Standard" {
				t.Fatalf("%+v, %v", out, err)
			}
		})
	}
}

func TestAMIParametersAreValidatedLater(t *testing.T) {
	t.Parallel()
	c := Start(t)
	ctx := t.Context()
	client := c.parameters()
	ami := c.EC2.AddAMI(ec2.AMI{})
	put := func(value string) {
		t.Helper()
		_, err := client.PutParameter(ctx, &ssm.PutParameterInput{
			Name: aws.String("/ami"), Value: &value, Type: "String", DataType: aws.String("aws:ec2:image"), Overwrite: aws.Bool(true),
		})
		if err != nil {
			t.Fatal(err)
		}
	}

	get := func() (string, error) {
		out, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/ami")})
		if err != nil {
			return "", err
		}
		return aws.ToString(out.Parameter.Value), nil
	}

	put("ami-0123456789abcdef0") // there is none: it was never written
	for range 3 {
		_, err := get()
		refused(t, err, "ParameterNotFound")
	}

	put(ami)
	if _, err := get(); err == nil {
		t.Error("it was there at once")
	}
	if value, err := get(); value != ami {
		t.Errorf("later it is %q, %v", value, err)
	}

	put("ami-0123456789abcdef0")
	for range 3 {
		if value, err := get(); value != ami {
			t.Errorf("after a wrong one it is %q, %v", value, err)
		}
	}
}

func TestGetParameters(t *testing.T) {
	t.Parallel()
	c := Start(t)
	ctx := t.Context()
	client := c.parameters()
	c.SSM.Put(ssmtest.Parameter{Name: "/a/b", Value: "1"})
	c.SSM.Put(ssmtest.Parameter{Name: "/a/b", Value: "2"})
	c.SSM.Put(ssmtest.Parameter{Name: "plain", Value: "hidden", Type: "SecureString"})

	for name, want := range map[string]string{"/a/b": "2", "/a/b:1": "1", "arn:aws:ssm:eu-central-1:123456789012:parameter/a/b": "2"} {
		out, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
		if err != nil || *out.Parameter.Value != want || *out.Parameter.ARN != "arn:aws:ssm:eu-central-1:123456789012:parameter/a/b" || *out.Parameter.DataType != "text" {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}

	_, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/a/b:7")})
	refused(t, err, "ParameterVersionNotFound")

	for decrypt, want := range map[bool]bool{true: true, false: false} {
		out, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("plain"), WithDecryption: &decrypt})
		if err != nil || (*out.Parameter.Value == "hidden") != want {
			t.Errorf("decrypted %v: %+v, %v", decrypt, out, err)
		}
	}

	several, err := client.GetParameters(ctx, &ssm.GetParametersInput{Names: []string{"/a/b", "/none"}})
	if err != nil || len(several.Parameters) != 1 || several.InvalidParameters[0] != "/none" {
		t.Errorf("%+v, %v", several, err)
	}
	if _, err := client.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: aws.String("plain")}); err != nil {
		t.Error(err)
	}

	_, err = client.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: aws.String("plain")})
	refused(t, err, "ParameterNotFound")
}

func TestParametersUnderAPath(t *testing.T) {
	t.Parallel()
	c := Start(t)
	c.SSM.SetPageSize(1)
	ctx := t.Context()
	client := c.parameters()

	for _, name := range []string{"/a/x", "/a/y/z", "/b", "single"} {
		c.SSM.Put(ssmtest.Parameter{Name: name, Value: "1"})
	}

	under := func(path string, deep bool) (names []string) {
		pages := ssm.NewGetParametersByPathPaginator(client, &ssm.GetParametersByPathInput{Path: &path, Recursive: &deep})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range page.Parameters {
				names = append(names, *p.Name)
			}
		}

		return names
	}
	if diff := cmp.Diff([][]string{{"/a/x"}, {"/a/x", "/a/y/z"}, {"/b"}}, [][]string{under("/a", false), under("/a/", true), under("/", false)}); diff != "" {
		t.Error(diff)
	}
}

// parametersThat returns the parameters that match a filter, page by page.
func parametersThat(t *testing.T, client *ssm.Client, filter types.ParameterStringFilter) (names []string, err error) {
	t.Helper()
	pages := ssm.NewDescribeParametersPaginator(client, &ssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{filter}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			return nil, err
		}
		for _, p := range page.Parameters {
			names = append(names, *p.Name)
		}
	}

	return names, nil
}

func TestDescribeParameters(t *testing.T) {
	t.Parallel()
	c := Start(t)
	c.SSM.SetPageSize(1)

	for _, name := range []string{"/a/x", "/a/y/z", "/b", "single"} {
		c.SSM.Put(ssmtest.Parameter{Name: name, Value: "1"})
	}

	by := func(key, option string, values ...string) types.ParameterStringFilter {
		return types.ParameterStringFilter{Key: &key, Option: &option, Values: values}
	}
	for _, test := range []struct {
		filter types.ParameterStringFilter
		want   string
		code   string
	}{
		{by("Name", "Equals", "/b", "single"), "/b single", ""},
		{by("Name", "BeginsWith", "/a"), "/a/x /a/y/z", ""},
		{by("Name", "Contains", "y"), "/a/y/z", ""},
		{by("Path", "OneLevel", "/a"), "/a/x", ""},
		{by("DataType", "Equals", "text"), "/a/x /a/y/z /b single", ""},
		{by("tag:color", "Equals", "red"), "", "InvalidFilterKey"}, // not served here
		{by("Path", "Equals", "/a"), "", "InvalidFilterOption"},
		{by("Name", "Equals"), "", "InvalidFilterValue"},
	} {
		names, err := parametersThat(t, c.parameters(), test.filter)
		if test.code != "" {
			refused(t, err, test.code)
		} else if got := strings.Join(names, " "); got != test.want || err != nil {
			t.Errorf("%s %s: %q, %v", *test.filter.Key, *test.filter.Option, got, err)
		}
	}
}

// Terraform reads the tags of each parameter that it keeps.
func TestParameterTags(t *testing.T) {
	t.Parallel()
	c := Start(t)
	client := c.parameters()
	tag := func(key, value string) types.Tag { return types.Tag{Key: aws.String(key), Value: aws.String(value)} }
	name := aws.String("/tagged")

	_, putErr := client.PutParameter(t.Context(), &ssm.PutParameterInput{Name: name, Value: aws.String("x"), Type: "String", Tags: []types.Tag{tag("a", "1")}})
	_, addErr := client.AddTagsToResource(t.Context(), &ssm.AddTagsToResourceInput{ResourceType: "Parameter", ResourceId: name, Tags: []types.Tag{tag("b", "2")}})
	_, removeErr := client.RemoveTagsFromResource(t.Context(), &ssm.RemoveTagsFromResourceInput{ResourceType: "Parameter", ResourceId: name, TagKeys: []string{"a"}})
	out, err := client.ListTagsForResource(t.Context(), &ssm.ListTagsForResourceInput{ResourceType: "Parameter", ResourceId: name})
	if err := errors.Join(putErr, addErr, removeErr, err); err != nil || len(out.TagList) != 1 || *out.TagList[0].Key != "b" {
		t.Errorf("got %+v, %v", out, err)
	}

	_, err = client.ListTagsForResource(t.Context(), &ssm.ListTagsForResourceInput{ResourceType: "Parameter", ResourceId: aws.String("/none")})
	if err == nil || !strings.Contains(err.Error(), "InvalidResourceId") {
		t.Errorf("tags of a parameter that is not there: %v", err)
	}
}
