package preflight

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"image-builder/internal/fault"
	"image-builder/internal/finding"
	"image-builder/internal/s3uri"
)

// Settings are the given flags, by the stack parameter that each sets.
type Settings map[string]string

// Wanted is the stack that a recipe and flags ask for.
type Wanted struct {
	// Parameters are the values from the recipe and the flags. URLs of uploads are missing: see In.
	Parameters map[string]string
	// Keep names the parameters that the user did not give: an existing stack keeps its values, a new one gets the
	// template's defaults.
	Keep []string
	// Uploads are the objects that the stack relies on. Checks.Run, which reads documents, may add some.
	Uploads []Upload

	template  *template
	recipe    string                      // its name
	places    map[string]finding.Position // of parameters
	documents []document                  // still to be composed, since some must be read first
}

// Upload is an object that the stack needs in a bucket. Objects of the same key are the same object.
type Upload struct {
	Key       string // see stack.ObjectKey
	Parameter string // the stack parameter that receives its URL; "" for none
	body      func(bucket string) []byte
}

// Body returns the object's content. Documents that name others do so by bucket.
func (u Upload) Body(bucket string) []byte { return u.body(bucket) }

// URL returns the object's URL in a bucket.
func (u Upload) URL(bucket string) string { return s3uri.Join(bucket, u.Key) }

// In returns all parameters of the stack, given the bucket of the uploads.
func (w Wanted) In(bucket string) map[string]string {
	all := maps.Clone(w.Parameters)
	for _, u := range w.Uploads {
		if u.Parameter != "" {
			all[u.Parameter] = u.URL(bucket)
		}
	}
	return all
}

// Complete returns an error of the class BadInput if a parameter has no value: neither the recipe nor a flag gives one, an
// existing stack of these parameters has none, and neither has the template.
func (w Wanted) Complete(existing map[string]string) error {
	for _, required := range []struct{ parameter, field, example string }{
		{"BaseAmiParameter", "base", "--base ssm:" + exampleBase}, {"OutputAmiParameter", "output", "--output /buildkite/agent-ami"},
	} {
		if _, there := existing[required.parameter]; there || !slices.Contains(w.Keep, required.parameter) {
			continue
		}
		return fault.New(fault.BadInput, fmt.Errorf("no %s is given, and there is no stack that has one", required.field),
			"name a recipe, or write "+required.example)
	}

	return nil
}

// Default returns the template's default for a parameter.
func (w Wanted) Default(parameter string) string { return w.template.parameters[parameter].fallback }

// Declares reports whether the template has a parameter.
func (w Wanted) Declares(parameter string) bool {
	_, declared := w.template.parameters[parameter]
	return declared
}

// fields maps recipe fields to the stack parameters that they set. Each other parameter has a flag of the same name;
// SecretNames has both, since a stack may take secrets from a bucket and by name at once.
var fields = map[string][]string{
	"base": {"BaseAmiParameter"}, "output": {"OutputAmiParameter"}, "bootstrap": {"BootstrapScriptUrl"},
	"packages": {"Packages"}, "git-mirrors": {"GitMirrors"}, "docker-images": {"DockerImages"},
	"components": {"ComponentDocumentUrl", "ComponentDocumentVersion"}, "secrets": {"SecretsBucket", "SecretsPrefix"},
	"schedule": {"ScheduleExpression"}, "timezone": {"TimeZone"}, "disk": {"RootVolumeSize"},
}

// Field returns the recipe field that sets a stack parameter; "" if a flag does.
func Field(parameter string) string {
	for field, parameters := range fields {
		if slices.Contains(parameters, parameter) {
			return field
		}
	}
	return ""
}

// Flag returns the flag named after a stack parameter: --instance-type for InstanceType.
func Flag(parameter string) string {
	var flag strings.Builder
	for _, r := range parameter {
		if unicode.IsUpper(r) {
			flag.WriteByte('-')
		}
		flag.WriteRune(unicode.ToLower(r))
	}
	return "-" + flag.String()
}
