package preflight

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"image-builder/internal/finding"
	"image-builder/internal/s3uri"
)

// Settings are the flags that were given, by the stack parameter that each of them sets.
type Settings map[string]string

// Wanted is what a recipe and flags want of a stack.
type Wanted struct {
	// Parameters are the values that the recipe and the flags give. What an upload gives is missing: see In.
	Parameters map[string]string
	// Keep names the parameters that nobody gave: an existing stack keeps its values, a new one has the template's
	// defaults.
	Keep []string
	// Uploads are the objects that the stack relies on. They may become more in Checks.Run, which reads documents.
	Uploads []Upload

	template  *template
	places    map[string]finding.Position // of parameters
	documents []document                  // that are still to be put together, since some must be read first
}

// Upload is an object that the stack needs in a bucket. What has the same key is the same object.
type Upload struct {
	Key       string // see stack.ObjectKey
	Parameter string // the stack parameter that gets its URL; "" for none
	body      func(bucket string) []byte
}

// Body returns the object's content. Documents that name others do so by bucket.
func (u Upload) Body(bucket string) []byte { return u.body(bucket) }

// URL returns where the object is in a bucket.
func (u Upload) URL(bucket string) string { return s3uri.Join(bucket, u.Key) }

// In returns all parameters that the stack is to be given when the uploads are in the bucket.
func (w Wanted) In(bucket string) map[string]string {
	all := maps.Clone(w.Parameters)
	for _, u := range w.Uploads {
		if u.Parameter != "" {
			all[u.Parameter] = u.URL(bucket)
		}
	}
	return all
}

// Default returns the value that the template gives a parameter that nobody gives.
func (w Wanted) Default(parameter string) string { return w.template.parameters[parameter].fallback }

// fields are the recipe's fields and the stack parameters that they set. Each other parameter has a flag of its own
// name; SecretNames has both, since a stack may have secrets from a bucket and by name at once.
var fields = map[string][]string{
	"base": {"BaseAmiParameter"}, "output": {"OutputAmiParameter"}, "bootstrap": {"BootstrapScriptUrl"},
	"packages": {"Packages"}, "git-mirrors": {"GitMirrors"}, "docker-images": {"DockerImages"},
	"components": {"ComponentDocumentUrl", "ComponentDocumentVersion"}, "secrets": {"SecretsBucket", "SecretsPrefix"},
	"schedule": {"ScheduleExpression"}, "timezone": {"TimeZone"}, "disk": {"RootVolumeSize"},
}

// Field returns the recipe's field that sets a stack parameter; "" if a flag does.
func Field(parameter string) string {
	for field, parameters := range fields {
		if slices.Contains(parameters, parameter) {
			return field
		}
	}
	return ""
}

// Flag returns the flag that is called as a stack parameter is: InstanceType is --instance-type.
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
