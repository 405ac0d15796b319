package lint_test

import (
	"fmt"
	"os"

	"image-builder/internal/component/action"
	"image-builder/internal/finding"
	"image-builder/internal/lint"
)

const browsers = `schemaVersion: 1.0
phases:
  - name: build
    steps:
      - name: Fetch
        action: ExecuteBash
        inputs:
          commands:
            - curl -fLO https://example.com/browser.tar.gz
            - tar -xzf browser.tar.gz -C /opt
      - name: Check
        action: ExecuteBsh
        inputs:
          commands: [/opt/browser/browser --version]
`

// The command of the last step is misspelt, and the first step does not notice a failed download.
func Example() {
	linter := lint.Linter{Modules: action.All(action.Ports{})}

	result, err := linter.Text("browsers.yml", []byte(browsers))
	if err != nil {
		fmt.Println(err)
		return
	}

	source := func(string) []byte { return result.Text }
	if err := finding.WriteText(os.Stdout, result.Findings, source); err != nil {
		fmt.Println(err)
	}
	// Output:
	// browsers.yml:9:15: warning IB401: if `curl -fLO https://example.com/browser.ta…` fails, the script goes on and only the status of its last command counts
	//     9 |             - curl -fLO https://example.com/browser.tar.gz
	//       |               ^^^^
	//       = begin the commands with `set -euo pipefail`, or end this one with `|| exit 1`
	// browsers.yml:12:17: error IB107: there is no action "ExecuteBsh"
	//    12 |         action: ExecuteBsh
	//       |                 ^^^^^^^^^^
	//       = did you mean ExecuteBash?
}
