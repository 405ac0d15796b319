package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"image-builder/internal/image"
	"image-builder/internal/patience"
)

// Writer puts AMIs into a parameter.
type Writer struct {
	Parameters Parameters
	Wait       patience.Pause // between looks at a parameter that SSM validates
}

// validation bounds SSM's check of a value. The service promises no time; it takes seconds.
const validation = time.Minute

// Change is the result of writing a parameter.
type Change struct {
	Name     string `json:"name"`
	Old      string `json:"old,omitempty"` // "" if the parameter is new
	New      string `json:"new"`
	DataType string `json:"dataType"`
}

// Write writes an AMI into a parameter. An existing parameter keeps its data type, a new one is text. It returns when
// the parameter holds the AMI, which for the data type aws:ec2:image takes a while.
func (w *Writer) Write(ctx context.Context, name, ami string) (Change, error) {
	old, err := w.Parameters.Look(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		old = image.Parameter{Name: name, Type: "String", DataType: "text"}
	case err != nil:
		return Change{}, err
	case old.Type != "String":
		return Change{}, &Unusable{fmt.Sprintf("parameter %s is a %s, and an AMI's ID goes into a String", name, old.Type), "name another one with --write"}
	}

	change := Change{Name: name, Old: old.Value, New: ami, DataType: old.DataType}
	if old.Value == ami {
		return change, nil
	}
	wanted := image.Parameter{Name: name, Value: ami, Type: old.Type, DataType: old.DataType}
	if err := w.Parameters.Write(ctx, wanted); err != nil {
		return Change{}, err
	}

	return change, w.settled(ctx, wanted)
}

// settled waits until a parameter has the written value.
func (w *Writer) settled(ctx context.Context, wanted image.Parameter) error {
	if wanted.DataType == "text" {
		return nil
	}

	wait := patience.Wait{For: "parameter " + wanted.Name, Limit: validation, Pace: time.Second, Pause: w.Wait}
	err := wait.Until(ctx, func(ctx context.Context) (patience.Answer, error) {
		now, err := w.Parameters.Look(ctx, wanted.Name)
		return patience.Answer{Done: now.Value == wanted.Value, State: now.Value}, err
	})
	if late := (*patience.LateError)(nil); !errors.As(err, &late) {
		return err
	}

	return &Unusable{
		fmt.Sprintf("parameter %s still does not hold %s after %s: SSM takes it only if it finds the AMI", wanted.Name, wanted.Value, validation),
		"look at the parameter's history, and whether these credentials may ec2:DescribeImages",
	}
}
