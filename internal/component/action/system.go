package action

import (
	"context"
	"time"

	"image-builder/internal/component"
)

// reboot asks for a reboot; the next step follows it.
func reboot() component.Module {
	return module{
		component.Schema{
			Action: "Reboot", Platforms: onInstances, Bare: true,
			Fields: []component.Field{{Name: "delaySeconds", Kind: component.Int, Default: "0", Check: notNegative}},
		},
		func(_ context.Context, call *component.Call) (component.Outputs, error) {
			var delay time.Duration
			for _, in := range call.Inputs {
				delay = time.Duration(in.Int("delaySeconds")) * time.Second
			}
			return nil, component.Reboot{Delay: delay}
		},
	}
}

func notNegative(text string) error {
	if text != "" && text[0] == '-' {
		return component.Fault{Message: text + " is negative", Right: "write 0 or more"}
	}
	return nil
}

// executeDocument runs another document inside this one.
func executeDocument() component.Module {
	return module{
		component.Schema{
			Action: "ExecuteDocument", Platforms: anywhere,
			Fields: []component.Field{
				need("document", nil), text("document-s3-bucket-owner", account), text("phases", nil),
				{Name: "parameters", Kind: component.Pairs},
			},
			Outputs: []string{
				"executedStepCount", "executionId", "failedStepCount", "failureMessage", "ignoredFailedStepCount",
				"logUrl", "status",
			},
		},
		func(ctx context.Context, call *component.Call) (component.Outputs, error) {
			in := call.Inputs[0]
			parameters, _ := in["parameters"].([]component.Parameter)
			return call.Nested(ctx, component.Nested{
				Document:    in.Text("document"),
				BucketOwner: in.Text("document-s3-bucket-owner"),
				Phases:      commas(in.Text("phases")),
				Parameters:  parameters,
			})
		},
	}
}
