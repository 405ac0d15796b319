package imagepipeline

import (
	"context"
	"time"
)

// Output is the parameter that receives each AMI.
type Output struct {
	Parameters Parameters
	Wait       Wait
	Every      time.Duration
	// Tries is how often to read the parameter at most: SSM writes one of the data type aws:ec2:image a while after it
	// has said yes.
	Tries int
}

// Holds waits until a parameter holds an AMI, and returns what it holds in the end.
func (o *Output) Holds(ctx context.Context, name, ami string) (string, error) {
	for try := 1; ; try++ {
		value, _, err := o.Parameters.Value(ctx, name)
		if err != nil || value == ami || try >= o.Tries {
			return value, err
		}
		if err := o.Wait(ctx, o.Every); err != nil {
			return value, err
		}
	}
}
