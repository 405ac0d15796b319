package cli

import (
	"image-builder/internal/aws"
	"image-builder/internal/component/action"
	"image-builder/internal/preflight"
	"image-builder/internal/progress"
)

// newChecks wires preflight's ports to AWS.
func newChecks(session *aws.Session, env *Env, report progress.Func) *preflight.Checks {
	machines := &aws.EC2{Session: session}
	return &preflight.Checks{
		Caller: &aws.Identity{Session: session}, Parameters: &aws.Parameters{Session: session}, Images: machines, Network: machines,
		Objects: &aws.S3{Session: session}, Modules: action.All(action.Ports{}), Now: env.Now, Report: report,
	}
}
