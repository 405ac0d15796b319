// Package announce makes an AMI known: a parameter names it, then a message says so.
//
// Both are the same whichever stage made or found the AMI. The package decides neither what is announced nor in which
// order, and never makes or checks an AMI. The text of the message is image.NewImage's.
package announce

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"image-builder/internal/fault"
	"image-builder/internal/image"
	"image-builder/internal/patience"
	"image-builder/internal/progress"
)

// Parameters reads and writes SSM parameters. Satisfied by *aws.Parameters.
type Parameters interface {
	// Read returns a parameter; fs.ErrNotExist if it does not exist.
	Read(ctx context.Context, name string) (image.Parameter, error)
	// Write sets a parameter, or makes it. It may have its value only after a while.
	Write(ctx context.Context, parameter image.Parameter) error
}

// Writer puts AMIs into parameters.
type Writer struct {
	Parameters Parameters
	Pause      patience.Pause // between looks at a parameter that SSM validates; nil means patience.Sleep
	Report     progress.Func
}

// validation bounds SSM's check of a value of the data type aws:ec2:image. The service promises no time; it takes
// seconds. https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html
const validation = 5 * time.Minute

// Change is the result of writing a parameter.
type Change struct {
	Name     string `json:"name"`
	Old      string `json:"old,omitempty"` // "" if the parameter is new
	New      string `json:"new"`
	DataType string `json:"dataType"`
}

// Write writes an AMI into a parameter. An existing parameter keeps its data type, a new one is text. It returns when
// the parameter holds the AMI, which for the data type aws:ec2:image takes a while.
func (w Writer) Write(ctx context.Context, name, ami string) (Change, error) {
	old, err := w.Parameters.Read(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		old = image.Parameter{Name: name, Type: "String", DataType: "text"}
	case err != nil:
		return Change{}, err
	case old.Type != "String":
		return Change{}, fault.New(fault.NotUsable,
			fmt.Errorf("write %s into parameter %s: it is a %s, and an AMI's ID goes into a String", ami, name, old.Type),
			"name another parameter")
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
func (w Writer) settled(ctx context.Context, wanted image.Parameter) error {
	if wanted.DataType == "text" {
		return nil
	}

	wait := patience.Wait{
		For: "parameter " + wanted.Name + " to name " + wanted.Value, Limit: validation, Pace: time.Second,
		Pause: w.Pause, Report: w.Report,
	}
	err := wait.Until(ctx, func(ctx context.Context) (patience.Answer, error) {
		now, err := w.Parameters.Read(ctx, wanted.Name)
		if errors.Is(err, fs.ErrNotExist) {
			return patience.Answer{State: "not there"}, nil
		}
		return patience.Answer{Done: now.Value == wanted.Value, State: now.Value}, err
	})
	if late := (*patience.LateError)(nil); !errors.As(err, &late) {
		return err
	}

	return fault.New(fault.NotUsable,
		fmt.Errorf("write %s into parameter %s: it still holds another value after %s: SSM takes an AMI only if it finds it",
			wanted.Value, wanted.Name, validation),
		"look at the parameter's history, and whether these credentials may ec2:DescribeImages")
}
