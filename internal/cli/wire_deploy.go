package cli

import (
	"image-builder/internal/component/action"
	"image-builder/internal/deploy"
	"image-builder/internal/patience"
	"image-builder/internal/pipeline"
	"image-builder/internal/preflight"
	"image-builder/internal/registry"
)

// newDeployment wires a deploy to AWS and to the user.
func newDeployment(view *deployView) pipeline.Deployment {
	a := newAccount("")
	return pipeline.Deployment{
		Identities: a.identities,
		Checks: &preflight.Checks{
			Parameters: a.parameters, Images: a.machines, Network: a.machines, Objects: a.objects, Buckets: a.objects,
			Layers: registry.Registries{}, Snapshots: a.machines, Bakes: bakesHere{view.env.DataDir, view.env.Now},
			Modules: action.All(action.Ports{}), Now: view.env.Now, Report: view.report,
		},
		Deploy: &deploy.Deploy{
			Stacks: a.stacks, Buckets: a.objects, Builds: a.images, Report: view.report, Wait: patience.Sleep, Show: view.showNew,
		},
		Show: view.showProposal, Agree: view.agree,
	}
}
