package imagepipeline

import (
	"regexp"
	"strings"
)

// Image Builder wraps the sentence that says why a build failed in these. None of them is documented; any other text
// stays as it is.
var (
	workflowFailed  = regexp.MustCompile(`^(?:Image '[^']*' failed: )?Workflow Execution ID: '[^']*' failed with reason: `)
	executionFailed = regexp.MustCompile(`^SSM execution '[^']*' failed.* with status = '(\w+)' in state = '(\w+)' and failure message = '(.*?)'*\.?$`)
	componentARN    = regexp.MustCompile(`arn:aws[a-z-]*:imagebuilder:[a-z0-9-]+:[0-9]{12}:component/([a-z0-9_-]+)/([0-9.]+)/[0-9]+`)
)

// Brief removes what only machines need from the reason of an image or a step: of a sentence with the IDs of a
// workflow and a component, it leaves "Document agent-linux-bootstrap 1.0.0 failed!".
func Brief(reason string) string {
	reason = strings.Join(strings.Fields(reason), " ")
	reason = workflowFailed.ReplaceAllString(reason, "")
	reason = executionFailed.ReplaceAllString(reason, "$3 ($1 while $2)")
	return componentARN.ReplaceAllString(reason, "$1 $2")
}

// hints maps known reasons to the next action.
var hints = []struct{ reason, hint string }{
	{
		"SSM Agent verification failed",
		"the build instance does not reach Systems Manager: give the subnet of SubnetId a way out, and see that the base AMI has the SSM agent",
	},
	{
		"Step timed out while step is",
		"the build instance stopped answering, or a document ran too long: its log may say which",
	},
}

// hintFor returns the next action for the reason of a failure; "" where only the log can help.
func hintFor(reason string) string {
	for _, one := range hints {
		if strings.Contains(reason, one.reason) {
			return one.hint
		}
	}
	return ""
}
