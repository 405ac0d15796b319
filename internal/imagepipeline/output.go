package imagepipeline

import "context"

// Output is the parameter that receives each AMI.
type Output struct {
	Parameters Parameters
	Wait       Wait
}

// readings is how often the parameter is read at most: SSM writes one of the data type aws:ec2:image a while after it
// has said yes.
const readings = 6

// Holds waits until a parameter holds an AMI, for half a minute at most, and returns what it holds in the end.
func (o *Output) Holds(ctx context.Context, name, ami string) (string, error) {
	for reading := 1; ; reading++ {
		value, _, err := o.Parameters.Value(ctx, name)
		if err != nil || value == ami || reading >= readings {
			return value, err
		}
		if err := o.Wait(ctx, seldom); err != nil {
			return value, err
		}
	}
}
