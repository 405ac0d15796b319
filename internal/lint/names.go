package lint

import (
	"fmt"
	"regexp"
	"slices"

	"image-builder/internal/component"
	"image-builder/internal/finding"
)

// almostPhases warns of a phase that the service never runs and whose name looks like a typo. Such phases are allowed
// in a document: `component run` runs them.
func almostPhases(doc *component.Document, known finding.List) finding.List {
	var found finding.List
	if slices.ContainsFunc(known, func(f finding.Finding) bool { return f.Code == finding.NoKnownPhase }) {
		return nil // this says it, with the same advice
	}

	for _, phase := range doc.Phases {
		name := phase.Name.Value
		near := finding.Nearest(name, component.ServicePhases)
		if near == "" || slices.Contains(component.ServicePhases, name) {
			continue
		}
		f := warning(finding.AlmostPhase, phase.Name.At, fmt.Sprintf("the service never runs a phase %q", name), "did you mean "+near+"?")
		f.Length = phase.Name.Length
		found = append(found, f)
	}

	return found
}

// brokenURL matches a URL whose scheme is not followed by exactly two slashes.
var brokenURL = regexp.MustCompile(`^(?i:(s3|https?):/?(?:[^/\s:]|$)|(s3|https?)//)`)

// brokenURLs finds broken URLs in the text before the first reference, where the module's own check cannot look.
func brokenURLs(doc *component.Document, known finding.List) finding.List {
	var found finding.List
	doc.Steps(func(_ *component.Phase, step *component.Step) {
		if !slices.Contains([]string{"S3Download", "S3Upload", "WebDownload", "ExecuteDocument", "InstallMSI", "UninstallMSI"}, step.Action.Value) {
			return
		}

		step.Inputs.Scalars(func(v *component.Value) {
			wrong := brokenURL.FindStringSubmatch(v.Text)
			said := slices.ContainsFunc(known, func(f finding.Finding) bool { return f.Position == v.At })
			if wrong == nil || said {
				return
			}
			found = append(found, finding.Finding{
				Code: finding.InputValue, Position: v.At, Length: v.Length, Message: fmt.Sprintf("%q is no URL", v.Text),
				Right: fmt.Sprintf("begin it with %s%s://", wrong[1], wrong[2]),
			})
		})
	})

	return found
}
