package pipeline_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"image-builder/internal/aws"
	"image-builder/internal/image"
	"image-builder/internal/pipeline"
	"image-builder/internal/publish"
	"image-builder/internal/testbed"
	"image-builder/internal/testbed/ec2"
	"image-builder/internal/testbed/ssm"
	"image-builder/internal/testbed/wire"
)

// publisher says that an AMI is available.
type publisher struct{ ami string }

func (p publisher) AMI(context.Context, publish.Request) (image.Published, error) {
	if p.ami == "" {
		return image.Published{}, errors.New("no AMI")
	}
	return image.Published{AMI: p.ami}, nil
}

func TestParameterNamesTheAMIBeforeTheMessageIsSent(t *testing.T) {
	t.Parallel()
	cloud := testbed.Start(t)
	session := aws.NewSession(cloud.Config())
	topic := cloud.SNS.AddTopic("images")
	ami := cloud.EC2.AddAMI(ec2.AMI{})
	cloud.SSM.Put(ssm.Parameter{Name: "/typed", Value: cloud.EC2.AddAMI(ec2.AMI{}), DataType: "aws:ec2:image"})

	p := pipeline.Publication{
		Publisher: publisher{ami}, Parameters: &aws.Parameters{Session: session}, Topics: &aws.Topics{Session: session},
		Pause: func(context.Context, time.Duration) error { return nil },
	}

	for _, parameter := range []string{"/new", "/typed"} {
		if _, err := p.Run(t.Context(), publish.Request{}, pipeline.Announcement{Parameter: parameter, Topic: topic}); err != nil {
			t.Fatal(err)
		}
		if got := cloud.SSM.Value(parameter); got != ami {
			t.Errorf("%s names %q", parameter, got)
		}
	}

	want := `{"event": "NewImage", "NewImage": {"ami": "` + ami + `"}}`
	if got := cloud.SNS.Messages(topic); len(got) != 2 || got[0] != want {
		t.Errorf("messages: %q", got)
	}
}

func TestNothingIsSaidOfAnAMIThatIsNotThere(t *testing.T) {
	t.Parallel()
	cloud := testbed.Start(t)
	session := aws.NewSession(cloud.Config())
	topic := cloud.SNS.AddTopic("images")

	p := pipeline.Publication{Publisher: publisher{}, Parameters: &aws.Parameters{Session: session}, Topics: &aws.Topics{Session: session}}
	if _, err := p.Run(t.Context(), publish.Request{}, pipeline.Announcement{Parameter: "/out", Topic: topic}); err == nil {
		t.Error("no error")
	}

	// Nor of one whose parameter could not be written.
	p.Publisher = publisher{cloud.EC2.AddAMI(ec2.AMI{})}
	cloud.Fail("ssm", "PutParameter", wire.Fault{Code: "AccessDeniedException", Message: "no"}, 1)

	_, err := p.Run(t.Context(), publish.Request{}, pipeline.Announcement{Parameter: "/out", Topic: topic})
	if err == nil || !strings.Contains(err.Error(), "/out") {
		t.Errorf("got %v", err)
	}
	if _, there := cloud.SSM.Parameter("/out"); there || len(cloud.SNS.Messages(topic)) > 0 {
		t.Error("a parameter or a message is there")
	}
}
