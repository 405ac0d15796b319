package imagepipeline

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"image-builder/internal/patience"
)

// Output is the parameter that receives each AMI.
type Output struct {
	Parameters Parameters
	Wait       patience.Pause
	Pace       time.Duration // the pause between two readings
}

// outputPatience bounds the reading of the parameter: SSM writes one of data type aws:ec2:image only some time after
// it accepted the write.
const outputPatience = 25 * time.Second

// Holds waits until a parameter holds an AMI, and returns the parameter's last value.
func (o *Output) Holds(ctx context.Context, name, ami string) (string, error) {
	value := ""
	wait := patience.Wait{For: "parameter " + name, Limit: outputPatience, Pace: o.Pace, Pause: o.Wait}
	err := wait.Until(ctx, func(ctx context.Context) (patience.Answer, error) {
		found, err := o.Parameters.Read(ctx, name)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // not yet
		}
		if err != nil {
			return patience.Answer{}, err
		}
		value = found.Value
		return patience.Answer{Done: value == ami, State: value}, nil
	})
	if late := (*patience.LateError)(nil); errors.As(err, &late) {
		err = nil // the value says enough
	}

	return value, err
}
