package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"image-builder/internal/stack"
)

// changeSetName is the name of our change sets. It is always the same: what a run that was cut off left is in the way
// of the next, which removes it.
const changeSetName = "image-builder"

// Request is what a stack shall be.
type Request struct {
	Template   []byte
	Parameters map[string]string
	Keep       []string // parameters that keep the value that the stack has, if it has them
	Uploads    []Upload
	Bucket     Bucket
}

// Wanted is what a change set is made from.
type Wanted struct {
	Stack, ChangeSet, TemplateURL string
	Token                         string // the same for each attempt of one request
	Update                        bool   // the stack is there
	Parameters                    map[string]string
	Keep                          []string
}

// Plan is what would be done to a stack.
type Plan struct {
	Standing  Standing
	ChangeSet stack.ChangeSet // zero with Recreate: it is known when the failed stack is gone
	Settings  []Setting
	NewBucket string // the bucket that was made for it; "" if it was there
	Unchanged bool   // there is nothing to do, and nothing to discard

	wanted Wanted
	asked  bool // for a change set, so that there may be one
	bucket Bucket
	sent   sent
}

// Setting is a stack parameter that gets another value.
type Setting struct {
	Name   string `json:"name"`
	Before string `json:"before,omitempty"`
	After  string `json:"after"`
	// Default tells that After is not known, but the template's default.
	Default bool `json:"default,omitempty"`
}

// Prepare puts what is needed into the bucket and has CloudFormation work out what would change. If that cannot be done,
// nothing is left of it.
func (d *Deploy) Prepare(ctx context.Context, standing Standing, r Request) (*Plan, error) {
	p := &Plan{Standing: standing, bucket: r.Bucket}
	err := d.prepare(ctx, p, r)
	if err != nil {
		return nil, errors.Join(err, d.Discard(ctx, p))
	}
	return p, nil
}

func (d *Deploy) prepare(ctx context.Context, p *Plan, r Request) (err error) {
	if p.sent.made, err = d.open(ctx, r.Bucket); err != nil {
		return err
	}
	if p.sent.made {
		p.NewBucket = r.Bucket.Name
	}
	template := templateUpload(r.Template)
	if err := d.upload(ctx, r.Bucket, append([]Upload{template}, r.Uploads...), &p.sent); err != nil {
		return err
	}
	address, err := d.Addresses.Address(ctx, r.Bucket.Name, template.Key)
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

// kept are the parameters that the stack has: it may be of an older template.
func kept(names []string, has map[string]string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, there := has[name]
		return !there
	})
}

// settings lists the parameters that get another value, by name.
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

// propose makes the change set and waits until it is worked out. Without changes it removes it again.
func (d *Deploy) propose(ctx context.Context, p *Plan) error {
	defer d.Report.Stage("work out what changes")()
	if err := d.request(ctx, p); err != nil {
		return err
	}
	known, err := d.settled(ctx, p.ChangeSet.StackID, p.ChangeSet.ID)
	if err != nil {
		return err
	}
	if p.ChangeSet = known; known.Status != "FAILED" {
		return nil
	}
	if reason := p.ChangeSet.Reason; !strings.Contains(reason, "didn't contain changes") && !strings.Contains(reason, "No updates are to be performed") {
		return &Unusable{Stack: p.Standing.Name, Reason: "CloudFormation cannot do what was asked: " + reason}
	}
	p.Unchanged = true
	return d.ChangeSets.DeleteChangeSet(ctx, p.ChangeSet.StackID, p.ChangeSet.ID)
}

// request asks for the change set, in the place of one that an earlier run left.
func (d *Deploy) request(ctx context.Context, p *Plan) (err error) {
	p.ChangeSet.StackID = p.Standing.Name
	p.ChangeSet.ID, err = d.ChangeSets.CreateChangeSet(ctx, p.wanted)
	p.asked = err == nil || errors.Is(err, fs.ErrExist) || passes(err) || ctx.Err() != nil
	if errors.Is(err, fs.ErrExist) {
		if _, err := d.settled(ctx, p.Standing.Name, changeSetName); err != nil {
			return err
		}
		if err := d.ChangeSets.DeleteChangeSet(ctx, p.Standing.Name, changeSetName); err != nil {
			return err
		}
		p.wanted.Token = uuid.NewString()
		p.ChangeSet.ID, err = d.ChangeSets.CreateChangeSet(ctx, p.wanted)
	}
	return err
}

// settled waits until CloudFormation has worked out a change set.
func (d *Deploy) settled(ctx context.Context, stackID, id string) (stack.ChangeSet, error) {
	misses, pause := 0, soon
	for waited := time.Duration(0); waited < changeSetPatience; waited += pause {
		c, err := d.ChangeSets.ChangeSet(ctx, stackID, id)
		if misses++; err != nil && (!passes(err) || misses > missesAllowed) {
			return c, err
		}
		if err == nil && c.Status != "CREATE_PENDING" && !c.Status.Busy() {
			return c, nil
		}
		if err := d.Wait(ctx, pause); err != nil {
			return c, err
		}
		pause = min(pause*3/2, seldom)
	}
	return stack.ChangeSet{}, fmt.Errorf("wait for the change set: CloudFormation has not worked it out in %s", changeSetPatience)
}

// discardPatience bounds the clearing away.
const discardPatience = time.Minute

// Discard removes what Prepare made: the change set, the empty stack that came into being with it, the bucket if it was
// not there before. It does so also when the context is done.
func (d *Deploy) Discard(ctx context.Context, p *Plan) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardPatience)
	defer cancel()
	if p.asked && !p.Unchanged {
		replaced, err := d.discardChangeSet(ctx, p)
		if err != nil {
			return fmt.Errorf("clear away what was prepared: %w", err)
		}
		if replaced {
			return nil // the other deploy needs the objects
		}
	}
	if err := d.withdraw(ctx, p.bucket, p.sent); err != nil {
		return fmt.Errorf("clear away what was prepared: %w", err)
	}
	return nil
}

// discardChangeSet removes a stack that only our change set waits for, or else the change set; unless another deploy has
// put its own in the place of ours.
func (d *Deploy) discardChangeSet(ctx context.Context, p *Plan) (replaced bool, err error) {
	s, err := d.Stacks.Stack(ctx, p.Standing.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // there is not even that
	}
	if err != nil {
		return false, err
	}
	c, err := d.settled(ctx, s.ID, changeSetName)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case p.ChangeSet.ID != "" && c.ID != p.ChangeSet.ID:
		return true, nil
	case s.Status != stack.ReviewInProgress:
		return false, d.ChangeSets.DeleteChangeSet(ctx, s.ID, c.ID)
	}
	if err := d.Stacks.DeleteStack(ctx, s.ID, uuid.NewString()); err != nil {
		return false, err
	}
	return false, d.gone(ctx, s.ID)
}

// gone waits until a stack in which there is nothing is deleted.
func (d *Deploy) gone(ctx context.Context, id string) error {
	for pause := soon; ; pause = min(pause*3/2, seldom) {
		s, err := d.Stacks.Stack(ctx, id)
		if errors.Is(err, fs.ErrNotExist) || err == nil && s.Status == stack.DeleteComplete {
			return nil
		}
		if err != nil && !passes(err) {
			return err
		}
		if err := d.Wait(ctx, pause); err != nil {
			return err
		}
	}
}
