package cli

import "image-builder/templates"

// TemplateCmd prints the stack's CloudFormation template.
type TemplateCmd struct{}

// Help says what to do with it.
func (c *TemplateCmd) Help() string {
	return "Prints the CloudFormation template of the stack that bakes AMIs with EC2 Image Builder. It is larger than " +
		"the 51,200 bytes that may be given to CloudFormation inline: upload it in the console, or let the AWS CLI put it " +
		"into a bucket (aws cloudformation deploy --s3-bucket BUCKET). docs/05-stack.md has the parameters." +
		"\n\nExample:\n  image-builder template >aws-stack.yml"
}

// Run prints the template.
func (c *TemplateCmd) Run(env *Env) error {
	text, err := templates.Stack()
	if err != nil {
		return err
	}
	_, err = env.Stdout.Write(text)
	return err
}
