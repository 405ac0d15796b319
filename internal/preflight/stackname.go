package preflight

import (
	"fmt"
	"regexp"
	"strings"

	"image-builder/internal/finding"
	"image-builder/internal/recipe"
)

// stackName is the pattern of CloudFormation, shortened so that the name of each AMI, the stack's with
// " {{ imagebuilder:buildDate }}" after it, fits into the 127 characters that Image Builder allows.
// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_AmiDistributionConfiguration.html
var stackName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{2,97}$`)

// StackName checks and returns a stack's name: the given one, or else the recipe's.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
func StackName(r *recipe.Recipe, given string) (string, finding.List) {
	name := given
	at := finding.Position{File: "--stack"}

	if given == "" {
		name = r.Name
		at = r.At("name", 0)
	}

	if at.File == "" { // neither a recipe nor a flag
		return "", finding.List{{Code: finding.StackName, Message: "the stack has no name", Right: "write --stack nightly-ami, or name a recipe"}}
	}
	if stackName.MatchString(name) {
		return name, nil
	}

	return "", finding.List{{
		Code: finding.StackName, Position: at, Message: fmt.Sprintf("%q is not a valid stack name: use 3 to 98 letters, digits or hyphens, beginning with a letter", name),
		Right: "write --stack " + suggested(name),
	}}
}

var notInStackNames = regexp.MustCompile(`[^A-Za-z0-9]+`)

func suggested(name string) string {
	name = strings.Trim(notInStackNames.ReplaceAllString(name, "-"), "-")
	if !stackName.MatchString(name) {
		return "nightly-ami"
	}
	return name
}
