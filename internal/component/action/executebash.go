package action

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"image-builder/internal/component"
)

// executeBash writes all commands into one script and runs it with bash, without -e: the last command's status
// decides.
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

// runScript runs the commands from a file that only their user can read, and removes it afterwards.
func runScript(ctx context.Context, call *component.Call, bash, temp string) (out component.Outputs, err error) {
	file, err := os.CreateTemp(temp, "AWSTOE*.sh")
	if err != nil {
		return nil, fmt.Errorf("make script: %w", err)
	}
	script := file.Name()
	defer func() {
		if failed := os.Remove(script); !errors.Is(failed, fs.ErrNotExist) { // a script may remove itself
			err = errors.Join(err, failed)
		}
	}()

	call.Log("ExecuteBash: Created temporary script file at: %s", script)
	_, err = file.WriteString(strings.Join(call.Inputs[0].Texts("commands"), "\n") + "\n")
	err = errors.Join(err, file.Close())
	if err != nil {
		return nil, fmt.Errorf("write script: %w", err)
	}

	call.Log("CmdExecution: Starting execution of command with arguments [bash %s]", script)
	stdout, err := execute(ctx, call, bash, script)

	return component.Outputs{"stdout": stdout}, err
}
