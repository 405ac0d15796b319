package recipe

import (
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"image-builder/internal/blockserver"
	"image-builder/internal/finding"
	"image-builder/internal/image"
)

const budgetForms = "write boot-budget: {login: 45s, at: 5MiB/s}"

// checkBudget takes "45s at 5MiB/s".
func checkBudget(v value) (string, *fault) {
	if _, err := parseBudget(v.text); err != nil {
		return "", &fault{code: finding.RecipeBudget, message: err.Error(), right: budgetForms}
	}
	return v.text, nil
}

func parseBudget(text string) (image.BootBudget, error) {
	login, at, found := strings.Cut(text, " at ")
	if !found {
		return image.BootBudget{}, fmt.Errorf("%q does not say at which storage", text)
	}
	limit, err := time.ParseDuration(strings.TrimSpace(login))
	if err != nil || limit <= 0 {
		return image.BootBudget{}, fmt.Errorf("%q is not a duration", strings.TrimSpace(login))
	}
	storage, err := blockserver.StorageNamed(strings.TrimSpace(at))
	return image.BootBudget{Login: limit, At: storage.Name}, err
}

// setBudget keeps a checked budget.
func setBudget(r *Recipe, text string) {
	if budget, err := parseBudget(text); err == nil {
		r.BootBudget = &budget
	}
}

// readBudget reads {login: 45s, at: 5MiB/s}.
func (b *builder) readBudget(f field, node *yaml.Node) {
	given := map[string]string{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		item := resolve(node.Content[i+1])
		switch {
		case key.Value != "login" && key.Value != "at":
			b.unknownKey(b.value(key), []string{"login", "at"})
			return
		case item.Kind != yaml.ScalarNode:
			b.add(finding.RecipeType, b.value(item), fmt.Sprintf("%s is one text, not a %s", key.Value, kindName(item)), budgetForms)
			return
		}
		given[key.Value] = item.Value
	}

	v := b.value(node)
	v.text = given["login"] + " at " + given["at"]
	b.setField(f, v)
}
