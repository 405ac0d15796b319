package finding

// The rules of recipes and flags that are to become a stack (IB7xx). Only a deployment breaks them: the same recipe may
// bake on a machine of one's own.
const (
	StackName     Code = "IB700"
	StackBase     Code = "IB701"
	StackOutput   Code = "IB702"
	StackSecrets  Code = "IB703"
	StackLacks    Code = "IB704"
	StackValue    Code = "IB705"
	StackDocument Code = "IB706"
)

var stackRules = []Rule{
	{StackName, "the name is no stack name", Error},
	{StackBase, "the base is no SSM parameter, which each build reads anew", Error},
	{StackOutput, "there is no output parameter", Error},
	{StackSecrets, "the secrets are where no build instance can read them", Error},
	{StackLacks, "the stack has nothing that does this", Warning},
	{StackValue, "the template does not allow the value", Error},
	{StackDocument, "a component document cannot be run by the stack", Error},
}
