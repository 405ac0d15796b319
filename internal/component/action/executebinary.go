package action

import (
	"context"

	"image-builder/internal/component"
)

// executeBinary runs one program with its arguments, without a shell.
func executeBinary() component.Module {
	return module{
		component.Schema{
			Action:    "ExecuteBinary",
			Platforms: anywhere,
			Fields:    []component.Field{need("path", nil), {Name: "arguments", Kind: component.Texts}},
			Outputs:   []string{"stdout"},
		},
		func(ctx context.Context, call *component.Call) (component.Outputs, error) {
			in := call.Inputs[0]
			program, err := lookup(call, in.Text("path"))
			if err != nil {
				return nil, err
			}
			call.Log("CmdExecution: Starting execution of command %s", program)
			stdout, err := execute(ctx, call, program, in.Texts("arguments")...)
			return component.Outputs{"stdout": stdout}, err
		},
	}
}
