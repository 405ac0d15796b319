package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"image-builder/internal/image"
)

// Writer puts AMIs into a parameter.
type Writer struct {
	Parameters Parameters
	// Wait lets time pass between looks at a parameter that SSM validates.
	Wait func(ctx context.Context, d time.Duration) error
}

// The service promises no time for the validation of a value; it takes seconds.
const (
	interval = time.Second
	looks    = 60
)

// Change is what became of a parameter.
type Change struct {
	Name     string `json:"name"`
	Old      string `json:"old,omitempty"` // "" if it was made
	New      string `json:"new"`
	DataType string `json:"dataType"`
}

// Write puts an AMI into a parameter. One that is there keeps its data type, a new one is text. It returns when the
// parameter holds the AMI, which for the data type aws:ec2:image takes a while.
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

// settled waits until a parameter reads as it was written.
func (w *Writer) settled(ctx context.Context, wanted image.Parameter) error {
	if wanted.DataType == "text" {
		return nil
	}

	for range looks {
		now, err := w.Parameters.Look(ctx, wanted.Name)
		if err != nil {
			return err
		}
		if now.Value == wanted.Value {
			return nil
		}
		if err := w.Wait(ctx, interval); err != nil {
			return fmt.Errorf("wait for parameter %s: %w", wanted.Name, err)
		}
	}

	return &Unusable{
		fmt.Sprintf("parameter %s still does not hold %s after %s: SSM takes it only if it finds the AMI", wanted.Name, wanted.Value, looks*interval),
		"look at the parameter's history, and whether these credentials may ec2:DescribeImages",
	}
}
