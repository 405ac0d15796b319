package recipe

import (
	"fmt"

	"go.yaml.in/yaml/v4"

	"image-builder/internal/finding"
	"image-builder/internal/image"
)

const testForms = "write vm, container or none, with a first job vm+job or {in: vm, job: true}"

// setTest keeps a checked test; "" is what this machine has.
func setTest(r *Recipe, text string) {
	r.Test, r.TestJob, _ = image.ParseTest(text)
}

// digestTest is what a recipe without a first job has always been.
func digestTest(r *Recipe) (any, error) {
	if r.TestJob {
		return string(r.Test) + "+job", nil
	}
	return r.Test, nil
}

// readTest reads {in: vm, job: true}.
func (b *builder) readTest(f field, node *yaml.Node) {
	v := b.value(node)
	v.text = ""
	job := false
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		item := resolve(node.Content[i+1])
		switch {
		case key.Value != "in" && key.Value != "job":
			b.unknownKey(b.value(key), []string{"in", "job"})
			return
		case item.Kind != yaml.ScalarNode:
			b.add(finding.RecipeType, b.value(item), fmt.Sprintf("%s is one text, not a %s", key.Value, kindName(item)), testForms)
			return
		case key.Value == "in":
			v.text = item.Value
		case item.Value != "true" && item.Value != "false":
			b.add(finding.RecipeTest, b.value(item), fmt.Sprintf("job is true or false, not %q", item.Value), testForms)
			return
		default:
			job = item.Value == "true"
		}
	}

	switch {
	case job && v.text == "":
		v.text = "job"
	case job:
		v.text += "+job"
	}

	b.setField(f, v)
}
