package recipe

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"image-builder/internal/blockserver"
	"image-builder/internal/finding"
	"image-builder/internal/image"
)

const budgetForms = "write boot-budget: {login: 45s, at: 5MiB/s, job: 60s}, or login and at, or job alone"

// checkBudget takes "45s at 5MiB/s".
func checkBudget(v value) (string, *fault) {
	if _, err := parseBudget(v.text); err != nil {
		return "", &fault{code: finding.RecipeBudget, message: err.Error(), right: budgetForms}
	}
	return v.text, nil
}

// parseBudget reads "45s at 5MiB/s", "job 60s" or both: "45s at 5MiB/s, job 60s".
func parseBudget(text string) (image.BootBudget, error) {
	login, job, both := strings.Cut(text, ", job ")
	if only, found := strings.CutPrefix(text, "job "); found && !both {
		limit, err := parseLimit(only)
		return image.BootBudget{Job: limit}, err
	}

	budget := image.BootBudget{}
	if both {
		limit, err := parseLimit(job)
		if err != nil {
			return image.BootBudget{}, err
		}
		budget.Job = limit
	}

	login, at, found := strings.Cut(login, " at ")
	if !found {
		return image.BootBudget{}, fmt.Errorf("%q does not say at which storage", text)
	}
	limit, err := parseLimit(login)
	if err != nil {
		return image.BootBudget{}, err
	}
	storage, err := blockserver.StorageNamed(strings.TrimSpace(at))
	budget.Login = limit
	budget.At = storage.Name

	return budget, err
}

func parseLimit(text string) (time.Duration, error) {
	limit, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil || limit <= 0 {
		return 0, fmt.Errorf("%q is not a duration", strings.TrimSpace(text))
	}
	return limit, nil
}

// setBudget keeps a checked budget.
func setBudget(r *Recipe, text string) {
	if budget, err := parseBudget(text); err == nil {
		r.BootBudget = &budget
	}
}

// budgetKeys are the keys of a budget.
var budgetKeys = []string{"login", "at", "job"}

// readBudget reads {login: 45s, at: 5MiB/s, job: 60s}.
func (b *builder) readBudget(f field, node *yaml.Node) {
	given := map[string]string{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		item := resolve(node.Content[i+1])
		switch {
		case !slices.Contains(budgetKeys, key.Value):
			b.unknownKey(b.value(key), budgetKeys)
			return
		case item.Kind != yaml.ScalarNode:
			b.add(finding.RecipeType, b.value(item), fmt.Sprintf("%s is one text, not a %s", key.Value, kindName(item)), budgetForms)
			return
		}
		given[key.Value] = item.Value
	}

	v := b.value(node)
	var parts []string
	if given["login"]+given["at"] != "" || given["job"] == "" {
		parts = append(parts, given["login"]+" at "+given["at"])
	}
	if given["job"] != "" {
		parts = append(parts, "job "+given["job"])
	}
	v.text = strings.Join(parts, ", ")
	b.setField(f, v)
}

// JobBudget is how long the first job may take from power-on; 0: any time.
func (r *Recipe) JobBudget() time.Duration {
	if r.BootBudget == nil {
		return 0
	}
	return r.BootBudget.Job
}
