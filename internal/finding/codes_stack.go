package finding

// The rules of recipes and flags for a stack (IB7xx). Only a deploy checks them: the same recipe may still bake
// locally.
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
	{StackName, "the name is not a valid stack name", Error},
	{StackBase, "the base is not an SSM parameter, which each build reads again", Error},
	{StackOutput, "the output parameter is missing", Error},
	{StackSecrets, "the build instance cannot read the secrets", Error},
	{StackLacks, "the stack cannot do this", Warning},
	{StackValue, "the template does not allow the value", Error},
	{StackDocument, "a component document cannot be run by the stack", Error},
}
