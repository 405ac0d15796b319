package imagepipeline

import (
	"strings"
	"testing"
)

func TestCulprit(t *testing.T) {
	t.Parallel()
	block := "Document: nightly-bootstrap\n  ComponentArn: arn:x\n  Phase: build\n  Step: Run\n  Action: ExecuteBash"

	for name, test := range map[string]struct{ log, want string }{
		"none":                    {"Cloning", "ApplyBuildComponents: Document nightly-bootstrap 1.0.0 failed"},
		"with a message":          {block + "\n  ErrorMessage: exit status 1\n  Stderr: no route", "ApplyBuildComponents: Document nightly-bootstrap 1.0.0 failed: step Run of phase build: exit status 1"},
		"without":                 {block + "\nStderr: x", "ApplyBuildComponents: Document nightly-bootstrap 1.0.0 failed: step Run of phase build"},
		"the first counts":        {block + "\n" + strings.ReplaceAll(block, "Run", "Other") + "\nErrorMessage: x", "ApplyBuildComponents: Document nightly-bootstrap 1.0.0 failed: step Run of phase build"},
		"lines like it":           {"Step: 3 of 5\nErrorMessage: x\nDocument: y\nPhase: z", "ApplyBuildComponents: Document nightly-bootstrap 1.0.0 failed"},
		"after another beginning": {"Document: y\n" + block, "ApplyBuildComponents: Document nightly-bootstrap 1.0.0 failed: step Run of phase build"},
		"broken off":              {block[:60], "ApplyBuildComponents: Document nightly-bootstrap 1.0.0 failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log search
			for text := range strings.Lines(test.log) {
				log.read(strings.TrimSuffix(text, "\n"))
			}
			build := Build{
				Image:  Image{State: Failed, Reason: "Document arn:aws:imagebuilder:eu-central-1:123456789012:component/nightly-bootstrap/1.0.0/1 failed!"},
				Failed: &Step{Name: "ApplyBuildComponents"}, Culprit: log.found,
			}
			if got := build.Why(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
