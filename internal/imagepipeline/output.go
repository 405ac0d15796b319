package imagepipeline

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// Output is the parameter that receives each AMI.
type Output struct {
	Parameters Parameters
	Wait       Wait
	Pace       time.Duration // the pause between two readings
}

// readings is how often the parameter is read at most: SSM writes one of the data type aws:ec2:image a while after it
// has said yes.
const readings = 6

// Holds waits until a parameter holds an AMI, a few readings long at most, and returns what it holds in the end.
func (o *Output) Holds(ctx context.Context, name, ami string) (string, error) {
	for reading := 1; ; reading++ {
		found, err := o.Parameters.Look(ctx, name)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // not yet
		}
		if err != nil || found.Value == ami || reading >= readings {
			return found.Value, err
		}
		if err := o.Wait(ctx, o.Pace); err != nil {
			return found.Value, err
		}
	}
}
