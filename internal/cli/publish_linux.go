package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/local"
	"image-builder/internal/pipeline"
	"image-builder/internal/publish"
	"image-builder/internal/terminal"
)

// PublishCmd is `publish`.
type PublishCmd struct {
	Image       string            `arg:"" help:"Image, a unique prefix of its ID, or latest." placeholder:"IMAGE"`
	Region      []string          `help:"Region of the AMI. Default: as AWS_REGION or the AWS configuration says. Given more than once, the others get copies of the first one's AMI." placeholder:"REGION"`
	Name        string            `help:"Name of the AMI. Default: the image's name and ID." placeholder:"NAME"`
	Tag         map[string]string `help:"Tag of the AMI and its snapshot: KEY=VALUE. May be given more than once." placeholder:"KEY=VALUE"`
	Parameter   string            `help:"SSM parameter that receives the AMI's ID, in each region. Default: the recipe's output." placeholder:"PARAMETER"`
	NoParameter bool              `help:"Write no parameter."`
	Topic       string            `help:"SNS topic that receives the NewImage message." placeholder:"ARN"`
	ShareWith   []string          `help:"Account (12 digits) or organizational unit (ARN) that may launch the AMI. May be given more than once." placeholder:"ACCOUNT|OU"`
	Plan        bool              `help:"Only report what would be sent, what that takes and costs, and what each launch costs."`
	Explain     bool              `help:"With --plan: say what each block that differs holds."`
	Policy      bool              `help:"Only print the IAM policy that pulling the base and publishing the image need."`
	Encrypted   bool              `help:"With --policy: the account encrypts new snapshots by default."`
	pollFlag    `embed:""`
}

// Help is what --help adds.
func (c *PublishCmd) Help() string {
	return `Makes an AMI of a baked image, without an instance: the blocks of 512 KiB that differ from the base's snapshot are sent through
the EBS direct APIs, and the AMI boots as the base does. Then the parameter names it, then the message goes to the topic.
An image whose base is not an AMI is sent whole, without its free space.

Prints the AMI's ID. An image is published once: the AMI that is there is found again. What is interrupted continues with the same
command, and no block is sent twice. The message is sent again by each command that names a topic.

Examples:
  image-builder publish latest
  image-builder publish latest --plan
  image-builder publish latest --policy >policy.json
  image-builder publish img-3f0c --parameter /buildkite/agent-ami --topic arn:aws:sns:eu-central-1:123456789012:images
  image-builder publish latest --region eu-central-1 --region us-east-1 --share-with 210987654321 --json | jq -r '.amis[].ami'`
}

// Run publishes.
func (c *PublishCmd) Run(ctx context.Context, env *Env) error {
	request, err := c.request()
	if err != nil {
		return err
	}

	return env.withStore(ctx, func(store *local.Store) error {
		img, err := store.Image(ctx, c.Image)
		if err != nil {
			return err
		}
		request.Image = img
		request.Base, err = baseOf(ctx, store, img)
		if err != nil {
			return err
		}

		switch {
		case c.Policy:
			return c.policy(ctx, env, request)
		case c.Plan:
			return c.plan(ctx, env, store, request)
		}

		return c.publish(ctx, env, store, request)
	})
}

// request checks the flags, and returns what they ask for.
func (c *PublishCmd) request() (publish.Request, error) {
	request := publish.Request{Name: c.Name, Tags: c.Tag}
	if wrong := (*image.NameError)(nil); c.Parameter != "" && errors.As(image.CheckNewParameterName(c.Parameter), &wrong) {
		return request, fault.New(fault.BadInput, errors.New("check --parameter: "+wrong.Message), wrong.Right)
	}
	if c.Topic != "" && !image.IsTopic(c.Topic) {
		return request, fault.New(fault.BadInput,
			fmt.Errorf("check --topic: %q is not the ARN of a topic", c.Topic), "give it like arn:aws:sns:eu-central-1:123456789012:images")
	}

	for _, region := range c.Region {
		if !image.IsRegion(region) {
			return request, fault.New(fault.BadInput, fmt.Errorf("check --region: %q is not the name of a region", region), "give it like eu-central-1")
		}
	}

	err := request.ShareWith(c.ShareWith)
	if err != nil {
		return request, fmt.Errorf("check --share-with: %w", err)
	}

	return request, nil
}

func (c *PublishCmd) publish(ctx context.Context, env *Env, store *local.Store, request publish.Request) error {
	watch := env.watcher()
	defer watch.Close()
	publication := newPublication(env, store, watch.Report, c.Region, c.Poll)
	announcement := pipeline.Announcement{Parameter: c.parameter(request.Image), Topic: c.Topic}

	amis, err := publication.Run(ctx, request, announcement)
	watch.Close()
	if err != nil {
		return continued(err, request.Image)
	}

	return env.published(ctx, store, request.Image, amis, announcement)
}

// parameter returns the parameter to write; "" if none is.
func (c *PublishCmd) parameter(img image.Image) string {
	switch {
	case c.NoParameter:
		return ""
	case c.Parameter != "":
		return c.Parameter
	}
	return img.Parameter
}

// continued says how an interrupted publication continues.
func continued(err error, img image.Image) error {
	if class := fault.ClassOf(err); class != fault.Interrupted && class != fault.TimedOut && fault.HintOf(err) != "" {
		return err
	}
	return fault.New(fault.ClassOf(err), err, "the same command continues, and sends no block twice; "+img.ID+" is unchanged")
}

// publishedImage is the result of publish.
type publishedImage struct {
	Image     string            `json:"image"`
	AMIs      []image.Published `json:"amis"` // the first is that of the message
	Parameter string            `json:"parameter,omitempty"`
	Topic     string            `json:"topic,omitempty"`
}

// published prints the AMIs of an image, as they are kept with it.
func (e *Env) published(ctx context.Context, store *local.Store, img image.Image, amis []image.Published, a pipeline.Announcement) error {
	kept, err := store.Image(ctx, img.ID)
	if missing := (*local.MissingError)(nil); err != nil && !errors.As(err, &missing) {
		return err
	}
	result := publishedImage{Image: img.ID, AMIs: amis, Parameter: a.Parameter, Topic: a.Topic}
	for i, ami := range amis {
		at := slices.IndexFunc(kept.Published, func(p image.Published) bool { return p.AMI == ami.AMI && p.Region == ami.Region })
		if at >= 0 {
			result.AMIs[i] = kept.Published[at]
		}
	}

	return e.result(result, amis[0].AMI, func() { fmt.Fprint(e.Stderr, publishedText(result)) })
}

func publishedText(result publishedImage) string {
	lines := []string{"published " + result.Image}
	for _, ami := range result.AMIs {
		lines = append(lines, fmt.Sprintf("  AMI        %s in %s: %s", ami.AMI, ami.Region, terminal.Harmless(ami.Name)))
		if text := amiBlocks(ami); text != "" {
			lines = append(lines, "             "+text)
		}
	}

	if result.Parameter != "" {
		lines = append(lines, fmt.Sprintf("  parameter  %s = %s", result.Parameter, result.AMIs[0].AMI))
	}

	if result.Topic != "" {
		lines = append(lines, "  message    NewImage sent to "+result.Topic)
	}

	return strings.Join(lines, "\n") + "\n"
}

// amiBlocks says what an AMI's snapshot was given; "" if that is not known.
func amiBlocks(ami image.Published) string {
	switch {
	case ami.Source != "":
		return "a copy of " + ami.Source
	case ami.Blocks == 0:
		return ""
	case ami.Parent != "":
		return fmt.Sprintf("%s of 512 KiB differ from %s", count(int(ami.Blocks), "block"), ami.Parent)
	}
	return fmt.Sprintf("%s of 512 KiB, the whole disk without its free space", count(int(ami.Blocks), "block"))
}
