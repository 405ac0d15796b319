package cli

import (
	"image-builder/internal/aws"
	"image-builder/internal/component/action"
	"image-builder/internal/deploy"
	"image-builder/internal/patience"
	"image-builder/internal/pipeline"
	"image-builder/internal/preflight"
)

// newDeployment wires a deploy to AWS and to the person who watches it.
func newDeployment(view *deployView) pipeline.Deployment {
	session := &aws.Session{}
	machines := &aws.EC2{Session: session}
	objects := &aws.S3{Session: session}
	return pipeline.Deployment{
		Identities: &aws.Identity{Session: session},
		Checks: &preflight.Checks{
			Parameters: &aws.Parameters{Session: session}, Images: machines, Network: machines, Objects: objects,
			Modules: action.All(action.Ports{}), Now: view.env.Now, Report: view.report,
		},
		Deploy: &deploy.Deploy{
			Stacks: &aws.CloudFormation{Session: session}, Buckets: objects, Report: view.report, Wait: patience.Sleep, Show: view.showNew,
		},
		Show: view.showProposal, Agree: view.agree,
	}
}
