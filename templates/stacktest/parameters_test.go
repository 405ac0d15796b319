package stacktest_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"image-builder/internal/aws"
	"image-builder/internal/image"
	"image-builder/internal/testbed/cloudformation/intrinsic"
)

// TestParametersInAnotherStore has our client read and write moto's SSM, next to boto3.
func TestParametersInAnotherStore(t *testing.T) {
	moto := emulate(t)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_SSM": moto.url, "AWS_REGION": intrinsic.Region, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_PROFILE": "",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}

	ours := &aws.Parameters{Session: &aws.Session{}}
	ctx := t.Context()
	if _, err := ours.Read(ctx, "/buildkite/base-ami"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a parameter that is not there: %v", err)
	}

	for _, value := range []string{"ami-0123456789abcdef0", "ami-0fedcba9876543210"} { // made, then overwritten
		want := image.Parameter{Name: "/buildkite/base-ami", Value: value, Type: "String", DataType: "text"}
		if err := ours.Write(ctx, want); err != nil {
			t.Fatal(err)
		}
		got, err := ours.Read(ctx, want.Name)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v (-written +read):\n%s", err, diff)
		}
		if seen := moto.do(t, "ssm", "get_parameter", object{"Name": want.Name})["Parameter"].(object)["Value"]; seen != value {
			t.Errorf("boto3 reads %v, want %s", seen, value)
		}
	}

	moto.do(t, "ssm", "put_parameter", object{"Name": "/secret", "Value": "sesame", "Type": "SecureString"})
	if value, err := ours.Parameter(ctx, "/secret"); err != nil || value != "sesame" {
		t.Errorf("a SecureString is %q: %v", value, err)
	}
	want := map[string]string{}
	for i := range 23 { // the service gives ten at a time
		name := fmt.Sprintf("/many/%d/value", i)
		want[name] = fmt.Sprint(i)
		moto.do(t, "ssm", "put_parameter", object{"Name": name, "Value": want[name], "Type": "String"})
	}

	got, err := ours.Under(ctx, "/many")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-written +read):\n%s", err, diff)
	}
}
