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

func (p publisher) Copy(_ context.Context, _ publish.Request, from image.Published) (image.Published, error) {
	if from.AMI == "" {
		return image.Published{}, errors.New("there is nothing to copy")
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
		Home: pipeline.Region{publisher{ami}, &aws.Parameters{Session: session}}, Topics: &aws.Topics{Session: session},
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

	p := pipeline.Publication{Home: pipeline.Region{publisher{}, &aws.Parameters{Session: session}}, Topics: &aws.Topics{Session: session}}
	if _, err := p.Run(t.Context(), publish.Request{}, pipeline.Announcement{Parameter: "/out", Topic: topic}); err == nil {
		t.Error("no error")
	}

	// Nor of one whose parameter could not be written.
	p.Home.Publisher = publisher{cloud.EC2.AddAMI(ec2.AMI{})}
	cloud.Fail("ssm", "PutParameter", wire.Fault{Code: "AccessDeniedException", Message: "no"}, 1)

	_, err := p.Run(t.Context(), publish.Request{}, pipeline.Announcement{Parameter: "/out", Topic: topic})
	if err == nil || !strings.Contains(err.Error(), "/out") {
		t.Errorf("got %v", err)
	}
	if _, there := cloud.SSM.Parameter("/out"); there || len(cloud.SNS.Messages(topic)) > 0 {
		t.Error("a parameter or a message is there")
	}
}

// Every region's parameter names the AMI there, before the one message names the first region's.
func TestEachRegionHasItsAMI(t *testing.T) {
	t.Parallel()
	home := testbed.Start(t)
	away := testbed.Start(t)
	topic := home.SNS.AddTopic("images")

	regions := map[*testbed.Cloud]pipeline.Region{}
	for _, cloud := range []*testbed.Cloud{home, away} {
		regions[cloud] = pipeline.Region{publisher{cloud.EC2.AddAMI(ec2.AMI{})}, &aws.Parameters{Session: aws.NewSession(cloud.Config())}}
	}

	kept := make(chan string, 2)
	p := pipeline.Publication{
		Home: regions[home], Copies: []pipeline.Region{regions[away]}, Topics: &aws.Topics{Session: aws.NewSession(home.Config())},
		Keep: func(_ context.Context, _ string, made image.Published) error {
			kept <- made.AMI
			return nil
		},
	}

	away.Fail("ssm", "PutParameter", wire.Fault{Code: "AccessDeniedException", Message: "no"}, 1)
	if _, err := p.Run(t.Context(), publish.Request{}, pipeline.Announcement{Parameter: "/out", Topic: topic}); err == nil || len(home.SNS.Messages(topic)) > 0 {
		t.Fatalf("a message was sent although a region has no parameter: %v", err)
	}
	kept = make(chan string, 2)

	got, err := p.Run(t.Context(), publish.Request{}, pipeline.Announcement{Parameter: "/out", Topic: topic})
	if err != nil || len(got) != 2 {
		t.Fatalf("got %v, %v", got, err)
	}

	for i, cloud := range []*testbed.Cloud{home, away} {
		if ami := cloud.SSM.Value("/out"); ami != got[i].AMI || ami != <-kept {
			t.Errorf("region %d names %s, and %s was made", i, ami, got[i].AMI)
		}
	}

	if sent := home.SNS.Messages(topic); len(sent) != 1 || !strings.Contains(sent[0], got[0].AMI) {
		t.Errorf("messages: %q", sent)
	}
}
