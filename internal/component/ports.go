package component

import "context"

// Values looks up what {{ aws:ssm:/name }} stands for; Secrets Manager's secrets have names that start with
// /aws/reference/secretsmanager/. Satisfied by aws.Parameters and local.Store.
type Values interface {
	Parameter(ctx context.Context, name string) (string, error)
}

// Library opens the documents that ExecuteDocument names: a local path, an s3:// URL or the ARN of a component.
// Satisfied by action.Library.
type Library interface {
	Document(ctx context.Context, location, bucketOwner string) ([]byte, error)
}

// Observer receives the progress of a run, so that it can be written down while it happens. It is called from one
// goroutine at a time. Satisfied by logfolder.Log.
type Observer interface {
	// Planned is called once, after all checks and before the first step, with every step still to run. After a
	// reboot, the steps before it have their results, but no longer their inputs and outputs.
	Planned(result *Result) error
	// Stepped is called when a step has ended. The run then drops the step's inputs and outputs, so that a long run
	// does not fill the memory.
	Stepped(result *Result, at Place) error
	// Console takes one line of console.log, secrets masked, without its newline.
	Console(line string)
}
