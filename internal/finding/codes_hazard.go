package finding

// The rules about things that run, but go wrong in a bake (IB4xx).
const (
	ShellSyntax   Code = "IB400"
	HiddenFailure Code = "IB401"
	TracedSecret  Code = "IB402"
	VarTmp        Code = "IB403"
	TmpCache      Code = "IB404"
	RemovedSecret Code = "IB405"
	DockerPull    Code = "IB406"
	RevokedKey    Code = "IB407"
	HomeUnset     Code = "IB408"
	CopiedSecret  Code = "IB409"
	IdleIgnore    Code = "IB410"
	AlmostPhase   Code = "IB411"
	PipefailInSh  Code = "IB412"
)

var hazardRules = []Rule{
	{ShellSyntax, "bash cannot read the script", Error},
	{HiddenFailure, "a command can fail without the step failing", Warning},
	{TracedSecret, "set -x prints secrets into the log", Warning},
	{VarTmp, "a file left in /var/tmp does not reach the image", Warning},
	{TmpCache, "a cache below /tmp does not reach the image", Warning},
	{RemovedSecret, "a secret deleted from the disk stays in the snapshot", Warning},
	{DockerPull, "pulled images are invisible to a daemon with user-namespace remapping", Warning},
	{RevokedKey, "GitHub's RSA host key of before March 2023 is revoked", Warning},
	{HomeUnset, "HOME is not set where commands run", Warning},
	{CopiedSecret, "a secret is copied to a place that stays in the image", Warning},
	{IdleIgnore, "a lint:ignore comment has no effect", Warning},
	{AlmostPhase, "a phase that the service never runs, with almost the name of one it runs", Warning},
	{PipefailInSh, "pipefail under #!/bin/sh ends the script where sh is dash", Warning},
}
