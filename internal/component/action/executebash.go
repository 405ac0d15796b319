package action

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"image-builder/internal/component"
)

// executeBash writes all commands into one script and runs it with bash, without -e: what the last command
// returns decides.
func executeBash(temp string) component.Module {
	return module{
		component.Schema{
			Action:    "ExecuteBash",
			Platforms: onUnix,
			Fields:    []component.Field{{Name: "commands", Kind: component.Texts, Required: true}},
			Outputs:   []string{"stdout"},
		},
		func(ctx context.Context, call *component.Call) (component.Outputs, error) {
			bash, err := lookup(call, "bash")
			if err != nil {
				return nil, fmt.Errorf("%w: install bash in the base image", err)
			}
			return runScript(ctx, call, bash, temp)
		},
	}
}

// runScript runs the commands from a file in a private directory of their own, which is gone afterwards.
func runScript(ctx context.Context, call *component.Call, bash, temp string) (out component.Outputs, err error) {
	dir, err := os.MkdirTemp(temp, "AWSTOE")
	if err != nil {
		return nil, fmt.Errorf("make directory for the script: %w", err)
	}
	script := filepath.Join(dir, "script-"+filepath.Base(dir)[len("AWSTOE"):]+".sh")
	defer func() { err = errors.Join(err, discard(dir, script)) }()
	call.Log("ExecuteBash: Created temporary directory: %s", dir)
	commands := strings.Join(call.Inputs[0].Texts("commands"), "\n") + "\n"
	if err := os.WriteFile(script, []byte(commands), 0o700); err != nil {
		return nil, fmt.Errorf("write script: %w", err)
	}
	call.Log("CmdExecution: Starting execution of command with arguments [bash %s]", script)
	stdout, err := execute(ctx, call, bash, script)
	return component.Outputs{"stdout": stdout}, err
}

// discard removes a script and its directory: these two, which is quick, or whatever else the script left there.
func discard(dir, script string) error {
	if os.Remove(script) == nil && os.Remove(dir) == nil {
		return nil
	}
	return os.RemoveAll(dir)
}
