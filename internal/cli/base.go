package cli

// BaseCmd is `base`: what bakes start from, disks here and AMIs on AWS.
type BaseCmd struct {
	baseDiskCommands

	Resolve BaseResolveCmd `cmd:"" help:"Find Buildkite's AMI of a release of the Elastic CI Stack."`
}
