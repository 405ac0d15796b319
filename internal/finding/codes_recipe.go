package finding

// The rules of recipes (IB5xx).
const (
	RecipeSyntax    Code = "IB500"
	RecipeKey       Code = "IB501"
	RecipeType      Code = "IB502"
	RecipeDuplicate Code = "IB503"
	RecipeFile      Code = "IB504"
	RecipeName      Code = "IB505"
	RecipeBase      Code = "IB506"
	RecipeReference Code = "IB507"
	RecipeGit       Code = "IB508"
	RecipeDocker    Code = "IB509"
	RecipePackage   Code = "IB510"
	RecipeOutput    Code = "IB511"
	RecipeSchedule  Code = "IB512"
	RecipeDisk      Code = "IB513"
	RecipeTimeout   Code = "IB514"
	RecipeLeak      Code = "IB515"
	RecipeParameter Code = "IB516"
	RecipeMirror    Code = "IB517"
	RecipePublish   Code = "IB518"
	RecipeTest      Code = "IB519"
	RecipeBudget    Code = "IB520"
)

var recipeRules = []Rule{
	{RecipeSyntax, "the recipe is not a YAML map", Error},
	{RecipeKey, "unknown recipe field", Error},
	{RecipeType, "a recipe field has the wrong type", Error},
	{RecipeDuplicate, "a recipe field is given twice", Error},
	{RecipeFile, "a file that the recipe names cannot be used", Error},
	{RecipeName, "the name is not an image name", Error},
	{RecipeBase, "the base is of no known kind", Error},
	{RecipeReference, "a script, document or secret is named in a way that nothing can read", Error},
	{RecipeGit, "git cannot clone this URL", Error},
	{RecipeDocker, "the Docker image reference cannot be pulled", Error},
	{RecipePackage, "the package cannot be installed under this name", Error},
	{RecipeOutput, "the output is not a parameter name", Error},
	{RecipeSchedule, "the schedule or time zone is not in Image Builder's dialect", Error},
	{RecipeDisk, "the disk size is not a size", Error},
	{RecipeTimeout, "the timeout is not a duration", Error},
	{RecipeLeak, "allow-leak must be an absolute path in the image", Error},
	{RecipeParameter, "the component has no such parameter, or misses one", Error},
	{RecipeMirror, "two repositories share one mirror directory", Error},
	{RecipePublish, "publish is not a region, an account, an organizational unit or a topic", Error},
	{RecipeTest, "the image cannot be tested in such a machine", Error},
	{RecipeBudget, "the boot budget is not a duration and a storage", Error},
}
