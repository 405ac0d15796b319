package deploy

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/google/uuid"

	"image-builder/internal/fault"
	"image-builder/internal/patience"
	"image-builder/internal/progress"
	"image-builder/internal/stack"
)

// changeSetName names our change sets. It is always the same, so the next run finds and removes what an interrupted
// run left.
const changeSetName = "image-builder"

// Request is the wanted state of a stack.
type Request struct {
	Template   []byte
	Parameters map[string]string
	Keep       []string // parameters that keep the stack's value, if it has one
	Uploads    []Upload
	Bucket     Bucket
}

// Wanted holds what a change set is made from.
type Wanted struct {
	Stack, ChangeSet, TemplateURL string
	Token                         string // the same for each attempt of one request
	Update                        bool   // the stack exists
	Parameters                    map[string]string
	Keep                          []string
}

// Plan lists what would be done to a stack.
type Plan struct {
	Standing  Standing
	ChangeSet stack.ChangeSet // zero with Recreate: unknown until the failed stack is gone
	Settings  []Setting
	NewBucket string // the bucket that was made for it; "" if it existed
	Unchanged bool   // nothing to do, and nothing to discard

	wanted Wanted
	asked  bool // an empty stack was created for the change set
	bucket Bucket
	sent   sent
}

// Setting is a stack parameter whose value changes.
type Setting struct {
	Name   string `json:"name"`
	Before string `json:"before,omitempty"`
	After  string `json:"after"`
	// Default means that After is unknown: the template's default applies.
	Default bool `json:"default,omitempty"`
}

// Prepare uploads what the stack needs and lets CloudFormation work out the changes. If this fails, it leaves nothing
// behind.
func (d *Deploy) Prepare(ctx context.Context, standing Standing, r Request) (*Plan, error) {
	p := &Plan{Standing: standing, bucket: r.Bucket}
	err := d.prepare(ctx, p, r)
	if err != nil {
		return nil, errors.Join(err, d.Discard(ctx, p))
	}
	return p, nil
}

func (d *Deploy) prepare(ctx context.Context, p *Plan, r Request) (err error) {
	p.sent.made, err = d.open(ctx, r.Bucket)
	if err != nil {
		return err
	}

	if p.sent.made {
		p.NewBucket = r.Bucket.Name
	}

	template := templateUpload(r.Template)
	if err := d.upload(ctx, r.Bucket, append([]Upload{template}, r.Uploads...), &p.sent); err != nil {
		return err
	}
	address, err := d.Buckets.Address(ctx, r.Bucket.Name, template.Key)
	if err != nil {
		return err
	}

	p.wanted = Wanted{
		Stack: p.Standing.Name, ChangeSet: changeSetName, TemplateURL: address, Token: uuid.NewString(),
		Update: p.Standing.Kind == Update, Parameters: r.Parameters,
	}
	if p.wanted.Update {
		p.wanted.Keep = kept(r.Keep, p.Standing.Stack.Parameters)
	}

	p.Settings = settings(p.Standing, p.wanted)
	if p.Standing.Kind == Recreate {
		return nil
	}

	return d.propose(ctx, p)
}

// kept filters names to those the stack declares; an older template may lack some.
func kept(names []string, has map[string]string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, there := has[name]
		return !there
	})
}

// settings lists the parameters whose value changes, by name.
func settings(standing Standing, wanted Wanted) []Setting {
	before := standing.Stack.Parameters
	if !wanted.Update {
		before = nil
	}

	var list []Setting
	for name, value := range wanted.Parameters {
		if was, there := before[name]; !there || was != value {
			list = append(list, Setting{Name: name, Before: was, After: value})
		}
	}

	for name, was := range before {
		if _, given := wanted.Parameters[name]; !given && !slices.Contains(wanted.Keep, name) {
			list = append(list, Setting{Name: name, Before: was, Default: true})
		}
	}

	slices.SortFunc(list, func(a, b Setting) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// propose makes the change set and waits until it is worked out. It removes a change set without changes.
func (d *Deploy) propose(ctx context.Context, p *Plan) error {
	defer d.Report.Stage("work out what changes")()
	if err := d.request(ctx, p); err != nil {
		return err
	}
	known, err := d.settled(ctx, p.ChangeSet.StackID, p.ChangeSet.ID)
	if err != nil {
		return err
	}

	blame(known.Changes, p.Settings)
	p.ChangeSet = known

	if known.Status != "FAILED" {
		return errors.Join(keepsTopic(p), d.free(ctx, p))
	}
	if reason := p.ChangeSet.Reason; !strings.Contains(reason, "didn't contain changes") && !strings.Contains(reason, "No updates are to be performed") {
		hint := ""
		if p.Standing.Stack.First() {
			hint = secondRoad
		}
		return unusable(p.Standing.Name, "CloudFormation cannot do what was asked: "+reason, hint)
	}

	p.Unchanged = true
	return d.Stacks.DeleteChangeSet(ctx, p.ChangeSet.StackID, p.ChangeSet.ID)
}

// keepsTopic refuses to update a stack of the first image-builder, or of a fork of it, that would lose its topic: its
// subscribers are what an update in place is for.
func keepsTopic(p *Plan) error {
	if !p.Standing.Stack.First() || !p.ChangeSet.Loses(stack.Topic) {
		return nil
	}
	return unusable(p.Standing.Name, "an update in place would not keep its topic "+p.Standing.Stack.Outputs["Topic"], secondRoad)
}

// free refuses to replace the stack's network while a build uses it: CloudFormation would leave the old one behind. It asks
// with rights that a deploy does not need otherwise, so it is no obstacle if it may not ask.
func (d *Deploy) free(ctx context.Context, p *Plan) error {
	if !p.ChangeSet.MovesNetwork() {
		return nil
	}
	name := p.Standing.Name
	pipeline := p.Standing.Stack.Outputs["Pipeline"]
	for _, c := range p.ChangeSet.Changes {
		if pipeline == "" && c.Type == "AWS::ImageBuilder::ImagePipeline" && c.Action != "Add" {
			pipeline = c.PhysicalID
		}
	}

	err := idle(ctx, d.Builds, name, pipeline, "run the same command again when it has ended")
	if err != nil && fault.ClassOf(err) != fault.NotUsable {
		d.Report.Send(progress.Event{Kind: progress.Note, Text: "whether an image is being built is not known: " + err.Error()})
		return nil
	}

	return err
}

// blame names the parameter behind a change where CloudFormation does not, for example behind a function: the
// parameter whose old and new values match.
func blame(changes []stack.Change, settings []Setting) {
	for _, c := range changes {
		for i, d := range c.Details {
			same := func(s Setting) bool { return s.Before == d.Before && s.After == d.After }
			if at := slices.IndexFunc(settings, same); at >= 0 && d.Cause == "" && d.Before != "" && d.After != "" {
				c.Details[i].Cause = settings[at].Name
			}
		}
	}
}

// request asks for the change set, replacing one that an earlier run left.
func (d *Deploy) request(ctx context.Context, p *Plan) (err error) {
	p.ChangeSet.StackID = p.Standing.Name
	p.ChangeSet.ID, err = d.Stacks.CreateChangeSet(ctx, p.wanted)
	p.asked = err == nil || errors.Is(err, fs.ErrExist) || patience.Passes(err) || ctx.Err() != nil

	if errors.Is(err, fs.ErrExist) {
		if _, err := d.settled(ctx, p.Standing.Name, changeSetName); err != nil {
			return err
		}
		if err := d.Stacks.DeleteChangeSet(ctx, p.Standing.Name, changeSetName); err != nil {
			return err
		}
		p.wanted.Token = uuid.NewString()
		p.ChangeSet.ID, err = d.Stacks.CreateChangeSet(ctx, p.wanted)
	}

	return err
}

// settled waits until CloudFormation has worked out a change set.
func (d *Deploy) settled(ctx context.Context, stackID, id string) (stack.ChangeSet, error) {
	var set stack.ChangeSet
	wait := patience.Wait{For: "the change set", Limit: changeSetPatience, Pause: d.Wait, Report: d.Report}
	err := wait.Until(ctx, func(ctx context.Context) (answer patience.Answer, err error) {
		set, err = d.Stacks.ChangeSet(ctx, stackID, id)
		return patience.Answer{Done: set.Status != "CREATE_PENDING" && !set.Status.Busy(), State: string(set.Status)}, err
	})
	return set, err
}
