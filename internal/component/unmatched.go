package component

import (
	"fmt"
	"maps"
	"slices"

	"image-builder/internal/finding"
	"image-builder/internal/progress"
)

// noteUnmatched tells the log and the user which given names match nothing, and which required values were not given.
// The run continues: awstoe accepts all of this silently.
func (e *execution) noteUnmatched() {
	notes := e.run.unmatchedPhases(e.jobs)
	notes = append(notes, e.run.unmatchedParameters(e.jobs)...)
	for _, text := range notes {
		e.sink.console(text)
		e.sink.event(progress.Event{Kind: progress.Note, Text: text})
	}
}

// unmatchedPhases names the selected phases that no document has. The service runs its own phases of every document,
// whether the document has them or not, so those are noted only if nothing is left to run.
func (r *Run) unmatchedPhases(jobs []Job) []string {
	var phases []string
	for _, job := range jobs {
		for _, phase := range job.Document.Phases {
			phases = append(phases, phase.Name.Value)
		}
	}

	var notes []string
	idle := !slices.ContainsFunc(phases, r.selected)
	for _, name := range r.Phases {
		if slices.Contains(phases, name) || (slices.Contains(ServicePhases, name) && !idle) {
			continue
		}
		notes = append(notes, fmt.Sprintf("no document has a phase %s%s", name, suggestion(name, phases)))
	}

	return notes
}

// unmatchedParameters names the values that no document takes, and the parameters that have no value.
func (r *Run) unmatchedParameters(jobs []Job) []string {
	var notes []string
	known := make(map[string]Variable)
	for _, job := range jobs {
		declared := job.Document.variables()
		maps.Copy(known, declared)
		for _, p := range job.Parameters {
			notes = append(notes, untaken(p.Name, job.Path, declared)...)
		}
		for _, v := range job.Document.Parameters {
			if name := v.Name.Value; !v.Given && !given(name, r.Parameters, job.Parameters) {
				notes = append(notes, fmt.Sprintf("%s needs a value for its parameter %s: it is empty now", job.Path, name))
			}
		}
	}

	for _, p := range r.Parameters {
		notes = append(notes, untaken(p.Name, "", known)...)
	}

	return notes
}

// untaken describes a value that has no effect: its name is not declared, or belongs to a constant.
func untaken(name, path string, declared map[string]Variable) []string {
	v, found := declared[name]

	switch {
	case found && v.Constant:
		return []string{name + " is a constant: the value given to it has no effect"}
	case !found && path == "":
		return []string{fmt.Sprintf("no document has a parameter %s%s", name, suggestion(name, slices.Sorted(maps.Keys(declared))))}
	case !found:
		return []string{fmt.Sprintf("%s has no parameter %s%s", path, name, suggestion(name, slices.Sorted(maps.Keys(declared))))}
	}

	return nil
}

func given(name string, lists ...[]Parameter) bool {
	for _, list := range lists {
		if slices.ContainsFunc(list, func(p Parameter) bool { return p.Name == name }) {
			return true
		}
	}
	return false
}

func suggestion(name string, candidates []string) string {
	near := finding.Nearest(name, candidates)
	if near == "" {
		return ""
	}
	return ": did you mean " + near + "?"
}
