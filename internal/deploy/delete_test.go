package deploy_test

import (
	"strings"
	"testing"

	"image-builder/internal/stack"
	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/imagebuilder"
	"image-builder/internal/testbed/wire"
)

func TestDelete(t *testing.T) {
	t.Parallel()
	refusing := func(reason string) situation {
		return func(_ *testing.T, a *account) { a.CloudFormation.FailDeletion("Topic", reason, 1) }
	}
	for name, test := range map[string]struct {
		situation situation
		refused   string
		failed    string
	}{
		"deleted":                 {situation: in(stack.CreateComplete, "")},
		"nothing works":           {situation: in(stack.RollbackComplete, "Quota")},
		"none":                    {situation: then(), refused: "not found"},
		"another owner's":         {situation: another(stack.CreateComplete), refused: "not made by image-builder"},
		"one that builds":         {situation: building, refused: "it builds an image, whose instance would hold on to the stack's network: arn:aws:imagebuilder:eu-central-1:123456789012:image/nightly/1.0.0/1"},
		"a failure":               {situation: then(in(stack.CreateComplete, ""), refusing("it is in use")), failed: "delete stack nightly: topic Topic was not deleted: it is in use"},
		"a failure with no cause": {situation: then(in(stack.CreateComplete, ""), refusing("")), failed: "delete stack nightly: topic Topic was not deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := open(t)
			test.situation(t, a)
			d := a.remover()
			s, err := d.Assess(t.Context(), "nightly")

			if test.refused != "" {
				if err == nil || !strings.Contains(err.Error(), test.refused) || a.Calls("cloudformation", "DeleteStack") != 0 {
					t.Errorf("error is %v after %d deletions", err, a.Calls("cloudformation", "DeleteStack"))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}

			a.CloudFormation.LagStatus(2)
			err = d.Run(t.Context(), s)
			left := a.left()
			if (test.failed == "" && (err != nil || len(left) > 0)) || (test.failed != "" && (err == nil || err.Error() != test.failed)) {
				t.Errorf("error is %v, left: %v", err, left)
			}
		})
	}
}

// building makes the stack with a pipeline that builds an image.
func building(t *testing.T, a *account) {
	t.Helper()
	base := a.EC2.AddAMI(ec2.AMI{})
	pipeline := a.ImageBuilder.AddPipeline(imagebuilder.Pipeline{Name: "nightly", Base: base})
	text := template + "Outputs:\n  Pipeline: {Value: '" + pipeline + "'}\n"
	put(text, stack.CreateComplete, "", map[string]string{"InstanceType": "t3.large"})(t, a)
	if _, err := a.Do("imagebuilder", "StartImagePipelineExecution", wire.Values{"imagePipelineArn": pipeline, "clientToken": "1"}); err != nil {
		t.Fatal(err)
	}
}
