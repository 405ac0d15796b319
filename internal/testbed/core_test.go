package testbed

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/imagebuilder"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"image-builder/internal/testbed/wire"
)

var instant = time.Date(2026, 11, 22, 18, 30, 0, 250e6, time.UTC)

func TestQuery(t *testing.T) {
	t.Parallel()
	c, e := startEcho(t, "cloudformation", wire.Values{"Stacks": []wire.Values{{
		"StackName": "a<&>b", "CreationTime": instant, "StackStatus": "CREATE_COMPLETE", "DisableRollback": false,
		"Tags": []wire.Values{{"Key": "k", "Value": "v"}, {"Key": "l", "Value": "w"}},
	}}})

	client := cloudformation.NewFromConfig(c.config("cloudformation"))
	out, err := client.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("some-stack")})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wire.Values{"StackName": "some-stack"}, e.in); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}

	got := out.Stacks[0]
	if *got.StackName != "a<&>b" || !got.CreationTime.Equal(instant) || len(got.Tags) != 2 || *got.Tags[1].Key != "l" {
		t.Errorf("answer: %+v", got)
	}
}

func TestEC2(t *testing.T) {
	t.Parallel()
	c, e := startEcho(t, "ec2", wire.Values{"Images": []wire.Values{{
		"ImageId": "ami-1", "BlockDeviceMappings": []wire.Values{{"DeviceName": "/dev/xvda", "Ebs": wire.Values{"VolumeSize": 8, "DeleteOnTermination": true}}},
	}}})
	client := ec2.NewFromConfig(c.config("ec2"))
	out, err := client.DescribeImages(t.Context(), &ec2.DescribeImagesInput{
		Owners: []string{"self", "amazon"}, Filters: []ec2types.Filter{{Name: aws.String("name"), Values: []string{"x", "y"}}},
	})
	if err != nil {
		t.Fatal(err)
	}

	want := wire.Values{"Owners": []any{"self", "amazon"}, "Filters": []any{wire.Values{"Name": "name", "Values": []any{"x", "y"}}}}
	if diff := cmp.Diff(want, e.in); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if m := out.Images[0].BlockDeviceMappings[0]; *m.DeviceName != "/dev/xvda" || *m.Ebs.VolumeSize != 8 || !*m.Ebs.DeleteOnTermination {
		t.Errorf("answer: %+v", m)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	c, e := startEcho(t, "ssm", wire.Values{"Parameter": wire.Values{"Name": "/a", "Value": "ami-1", "Version": 3, "LastModifiedDate": instant}})
	client := ssm.NewFromConfig(c.config("ssm"))
	out, err := client.GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/a"), WithDecryption: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wire.Values{"Name": "/a", "WithDecryption": true}, e.in); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}

	if p := out.Parameter; *p.Value != "ami-1" || p.Version != 3 || !p.LastModifiedDate.Equal(instant) {
		t.Errorf("answer: %+v", p)
	}
}

func TestRestJSON(t *testing.T) {
	t.Parallel()
	c, e := startEcho(t, "imagebuilder", wire.Values{"requestId": "r", "image": wire.Values{"arn": "arn:aws:imagebuilder:eu-central-1:123456789012:image/a/1.0.0/1"}})
	client := imagebuilder.NewFromConfig(c.config("imagebuilder"))
	const arn = "arn:aws:imagebuilder:eu-central-1:123456789012:image/a/1.0.0/1"
	out, err := client.GetImage(t.Context(), &imagebuilder.GetImageInput{ImageBuildVersionArn: aws.String(arn)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wire.Values{"imageBuildVersionArn": arn}, e.in); diff != "" || *out.Image.Arn != arn {
		t.Errorf("request (-want +got):\n%s\nanswer %+v", diff, out.Image)
	}

	tags := imagebuilder.ListTagsForResourceInput{ResourceArn: aws.String(arn)}
	e.out = wire.Values{"tags": map[string]string{"a": "b"}}

	listed, err := client.ListTagsForResource(t.Context(), &tags)
	if err != nil || listed.Tags["a"] != "b" {
		t.Errorf("tags: %+v, %v", listed, err)
	}
	if diff := cmp.Diff(wire.Values{"resourceArn": arn}, e.in); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

// Requests that a model does not allow are refused in AWS's words, and recorded.
func TestRequestsThatTheModelRefuses(t *testing.T) {
	t.Parallel()
	arn := aws.String("arn:aws:imagebuilder:eu-central-1:123456789012:image/a/1.0.0/1")

	for name, test := range map[string]struct {
		service, code, says string
		call                func(context.Context, aws.Config) error
	}{
		"pattern": {"imagebuilder", "ValidationException", "Value 'x' at 'imageBuildVersionArn' failed to satisfy constraint: Member must satisfy regular expression pattern", func(ctx context.Context, cfg aws.Config) error {
			_, err := imagebuilder.NewFromConfig(cfg).GetImage(ctx, &imagebuilder.GetImageInput{ImageBuildVersionArn: aws.String("x")})
			return err
		}},
		"range": {"imagebuilder", "ValidationException", "less than or equal to 100", func(ctx context.Context, cfg aws.Config) error {
			_, err := imagebuilder.NewFromConfig(cfg).ListImagePackages(ctx, &imagebuilder.ListImagePackagesInput{ImageBuildVersionArn: arn, MaxResults: aws.Int32(101)})
			return err
		}},
		"enum": {"cloudformation", "ValidationError", "satisfy enum value set: [CREATE, UPDATE, IMPORT]", func(ctx context.Context, cfg aws.Config) error {
			_, err := cloudformation.NewFromConfig(cfg).CreateChangeSet(ctx, &cloudformation.CreateChangeSetInput{StackName: aws.String("s"), ChangeSetName: aws.String("c"), ChangeSetType: "MAKE"})
			return err
		}},
		"length": {"logs", "ValidationException", "have length less than or equal to 512", func(ctx context.Context, cfg aws.Config) error {
			_, err := cloudwatchlogs.NewFromConfig(cfg).DescribeLogStreams(ctx, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String(strings.Repeat("a", 513))})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := startEcho(t, test.service, nil)
			err := test.call(t.Context(), c.config(test.service))
			if code(err) != test.code {
				t.Errorf("error %v, want %s", err, test.code)
			}

			wantViolation(t, c, test.says)
			c.Overlook(func(string) bool { return true })

			if err := test.call(t.Context(), c.config(test.service)); err != nil {
				t.Errorf("something else than %q is wrong with it: %v", test.says, err)
			}
			c.Violations()
		})
	}
}

func TestAnswersThatTheModelDoesNotAllow(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		out  wire.Values
		says string
	}{
		"unknown": {wire.Values{"Accounts": "1"}, "Unknown parameter 'accounts'"},
		"type":    {wire.Values{"Account": 1}, "be a string"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := startEcho(t, "sts", test.out)
			_, _ = sts.NewFromConfig(c.config("sts")).GetCallerIdentity(t.Context(), nil)
			wantViolation(t, c, test.says)
		})
	}
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil func(*aws.Config)
		code  string
	}{
		"right":     {func(*aws.Config) {}, ""},
		"other key": {func(cfg *aws.Config) { cfg.Credentials = credentials.NewStaticCredentialsProvider("AKIA1", "s", "") }, "InvalidClientTokenId"},
		"wrong secret": {func(cfg *aws.Config) {
			cfg.Credentials = credentials.NewStaticCredentialsProvider(wire.AccessKey, "s", "")
		}, "SignatureDoesNotMatch"},
		"other region": {func(cfg *aws.Config) { cfg.Region = "us-east-1" }, "IncompleteSignature"},
		"not signed":   {func(cfg *aws.Config) { cfg.Credentials = aws.AnonymousCredentials{} }, "MissingAuthenticationToken"},
		"session token": {func(cfg *aws.Config) {
			cfg.Credentials = credentials.NewStaticCredentialsProvider(wire.AccessKey, wire.SecretKey, "t")
		}, "InvalidClientTokenId"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Start(t)
			cfg := c.config("sts")
			test.spoil(&cfg)
			_, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil)
			if got := code(err); got != test.code || (err != nil && got == "") {
				t.Errorf("error %v, want %q", err, test.code)
			}
		})
	}
}

// code is AWS's code of an error; "" if it has none.
func code(err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return ""
	}
	return api.ErrorCode()
}
