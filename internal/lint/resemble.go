package lint

import (
	"go.yaml.in/yaml/v4"

	"image-builder/internal/component/action"
	"image-builder/internal/finding"
)

// modules are the actions by which steps are recognised.
var modules = action.All(action.Ports{})

// resembles reports whether a file is a component document whose keys are misspelt or missing: the keys that identify
// one are nearly there, or its steps have actions that exist.
func resembles(keys map[string]bool, text []byte) bool {
	for _, other := range []string{"mainSteps", "runtimeConfig", "apiVersion", "kind"} { // Systems Manager, Kubernetes
		if keys[other] {
			return false
		}
	}

	if nearly(keys, "schemaVersion") && nearly(keys, "phases") {
		return true
	}

	var top map[string]any
	if err := yaml.Load(text, &top); err != nil {
		return false
	}

	for _, value := range top {
		if hasActions(value, 2) {
			return true
		}
	}

	return false
}

// nearly reports whether one of the keys is the wanted one, or a misspelling of it.
func nearly(keys map[string]bool, wanted string) bool {
	for key := range keys {
		if finding.Nearest(key, []string{wanted}) != "" {
			return true
		}
	}
	return false
}

// hasActions reports whether a value is a list of steps, or so many levels above one.
func hasActions(value any, levels int) bool {
	list, _ := value.([]any)
	for _, item := range list {
		step, _ := item.(map[string]any)
		name, _ := step["action"].(string)
		if _, known := modules[name]; known {
			return true
		}
		for _, inner := range step {
			if levels > 1 && hasActions(inner, levels-1) {
				return true
			}
		}
	}

	return false
}
