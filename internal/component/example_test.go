package component_test

import (
	"context"
	"fmt"
	"os"

	"image-builder/internal/component"
	"image-builder/internal/component/action"
)

const greeting = `schemaVersion: 1.0
parameters:
  - Whom: {type: string, default: world}
phases:
  - name: build
    steps:
      - name: Greet
        action: ExecuteBash
        inputs:
          commands: ["echo hello {{ Whom }}"]
      - name: IsLoud
        action: Assert
        onFailure: Continue
        inputs:
          stringEquals: "HELLO"
          value: "{{ build.Greet.outputs.stdout }}"
`

// A document is parsed, then run. A failed step is in the result: the error is for runs that are impossible.
func Example() {
	document, findings := component.Parse("greeting.yml", []byte(greeting))
	if findings.Errors() > 0 {
		fmt.Println(findings)
		return
	}

	run := component.Run{
		ID:         "example",
		Documents:  []component.Job{{Document: document}},
		Modules:    action.All(action.Ports{}),
		Parameters: []component.Parameter{{Name: "Whom", Value: "Berlin"}},
		Env:        os.Environ(),
		Dir:        os.TempDir(),
	}

	result, err := run.Execute(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}

	for _, step := range result.Documents[0].Phases[0].Steps {
		fmt.Println(step.Name+":", step.Status)
	}

	fmt.Println(result.Status)
	// Output:
	// Greet: success
	// IsLoud: failed
	// failed
}
