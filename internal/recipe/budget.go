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

const budgetForms = "write boot-budget: {login: 45s, job: 60s, at: 5MiB/s}, or login and at, or job, with or without at"

// checkBudget takes "45s at 5MiB/s".
func checkBudget(v value) (string, *fault) {
	if _, err := parseBudget(v.text); err != nil {
		return "", &fault{code: finding.RecipeBudget, message: err.Error(), right: budgetForms}
	}
	return v.text, nil
}

// parseBudget reads "45s at 5MiB/s", "job 60s", "job 60s at 5MiB/s", or login and job: "45s at 5MiB/s, job 60s".
func parseBudget(text string) (image.BootBudget, error) {
	login, job, both := strings.Cut(text, ", job ")
	if both {
		limit, err := parseLimit(job)
		if err != nil {
			return image.BootBudget{}, err
		}
		budget, err := parseSlow(login)
		return image.BootBudget{Login: budget.Login, At: budget.At, Job: limit}, err
	}

	only, found := strings.CutPrefix(text, "job ")
	switch {
	case !found:
		return parseSlow(text)
	case strings.Contains(only, " at "):
		budget, err := parseSlow(only)
		return image.BootBudget{Job: budget.Login, At: budget.At}, err
	}
	limit, err := parseLimit(only)
	return image.BootBudget{Job: limit}, err
}

// parseSlow reads "45s at 5MiB/s".
func parseSlow(text string) (image.BootBudget, error) {
	login, at, found := strings.Cut(text, " at ")
	if !found {
		return image.BootBudget{}, fmt.Errorf("%q does not say at which storage", text)
	}
	limit, err := parseLimit(login)
	if err != nil {
		return image.BootBudget{}, err
	}
	storage, err := blockserver.StorageNamed(strings.TrimSpace(at))
	return image.BootBudget{Login: limit, At: storage.Name}, err
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
	at := ""
	if given["at"] != "" || given["login"] != "" || given["job"] == "" {
		at = " at " + given["at"]
	}
	switch {
	case given["job"] == "":
		v.text = given["login"] + at
	case given["login"] == "":
		v.text = "job " + given["job"] + at
	default:
		v.text = given["login"] + at + ", job " + given["job"]
	}
	b.setField(f, v)
}

// JobBudget is how long the first job may take from power-on; 0: any time.
func (r *Recipe) JobBudget() time.Duration {
	if r.BootBudget == nil {
		return 0
	}
	return r.BootBudget.Job
}

// JobStorage is how slow the disk is for JobBudget; the zero value is not slow.
func (r *Recipe) JobStorage() (blockserver.Storage, error) {
	if r.JobBudget() == 0 || r.BootBudget.At == "" {
		return blockserver.Storage{}, nil
	}
	return blockserver.StorageNamed(r.BootBudget.At)
}

// BudgetConflict says why no first job of a test in this machine can keep the recipe's budget, and what to write; both
// are "" if one can. The machine "", which is not chosen yet, has no conflict.
func (r *Recipe) BudgetConflict(in image.TestIn) (message, right string) {
	switch {
	case r.JobBudget() == 0:
		return "", ""
	case in == image.TestNone:
		return "boot-budget has a job, and test is none", "write test: vm or container, or remove job from boot-budget"
	}

	storage, err := r.JobStorage()
	if err != nil || storage.Delay == 0 || in != image.TestContainer {
		return "", ""
	}
	return fmt.Sprintf("boot-budget has a job at %s, and a container's disk is never slow", storage.Name), "write test: vm, or remove at from boot-budget"
}

// Conflicts reports fields that do not go together. Flags may still part them, so Parse does not look.
func (r *Recipe) Conflicts() finding.List {
	message, right := r.BudgetConflict(r.Test)
	if message == "" {
		return nil
	}
	return finding.List{{Code: finding.RecipeBudget, Position: r.At("boot-budget", 0), Message: message, Right: right}}
}
