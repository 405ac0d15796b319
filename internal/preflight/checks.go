package preflight

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"image-builder/internal/component"
	"image-builder/internal/fault"
	"image-builder/internal/progress"
	"image-builder/internal/stack"
)

// Status is how a check ended.
type Status string

// How a check can end. Unchecked means that the check could not be made, mostly because a permission is missing.
const (
	OK        Status = "ok"
	Warning   Status = "warning"
	Failed    Status = "failed"
	Unchecked Status = "unchecked"
)

// Result is a check's finding in one line, and the next action if there is one.
type Result struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Text   string `json:"text"`
	Hint   string `json:"next,omitempty"`
}

// Checks asks AWS about everything that a stack will rely on.
type Checks struct {
	Parameters Parameters
	Images     Images
	Network    Network
	Objects    Objects
	Buckets    Buckets
	Layers     Layers
	Snapshots  Snapshots
	Bakes      Bakes
	// Modules are the action modules that documents may name.
	Modules component.Modules
	Now     func() time.Time
	Report  progress.Func
}

// patience bounds a check, the SDK's own retries included.
const patience = 90 * time.Second

// asked is what the checks are about.
type asked struct {
	wanted   Wanted
	existing stack.Stack
	who      Identity
}

// answer is the outcome of a check: results, and parameters whose value it found out.
type answer struct {
	results   []Result
	learnt    map[string]string
	documents []document // that were read
}

// Run makes every check that applies; checks that do not depend on each other run at the same time. It returns
// wanted, completed with what the checks found out: the base AMI's root device, the data type of an existing output
// parameter, documents that had to be read first.
//
// The stack is the existing one, or the zero Stack for a new one. A failed check is a Result, not an error (see
// Verdict); the only error is that of an ended context.
func (c *Checks) Run(ctx context.Context, who Identity, wanted Wanted, existing stack.Stack) ([]Result, Wanted, error) {
	defer c.Report.Stage("preflight")()
	wanted.Parameters = maps.Clone(wanted.Parameters)
	wanted.Keep = slices.Clone(wanted.Keep)
	wanted.Uploads = slices.Clone(wanted.Uploads)
	q := asked{wanted, existing, who}

	results := []Result{{Name: "account", Status: OK, Text: fmt.Sprintf("%s in %s, as %s", who.Account, who.Region, who.ARN)}}
	for _, a := range c.all(ctx, q) {
		results = append(results, a.results...)
		for name, value := range a.learnt {
			wanted.learn(name, value)
		}
		if a.documents != nil {
			wanted.documents = a.documents
			for _, f := range wanted.compose() {
				results = append(results, Result{Name: "component documents", Status: Failed, Text: f.Message, Hint: f.Right})
			}
		}
	}

	if err := ctx.Err(); err != nil {
		return nil, wanted, err
	}
	return append(results, q.rules(wanted)...), wanted, nil
}

// all makes the checks. Their answers have a fixed order.
func (c *Checks) all(ctx context.Context, q asked) []answer {
	checks := []func(context.Context, asked) answer{c.base, c.output, c.script, c.documents, c.secrets, c.secretsRegion, c.place, c.distribution, c.stackKey, c.alarm}
	answers := make([]answer, len(checks))

	var group sync.WaitGroup
	for i, check := range checks {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			answers[i] = check(ctx, q)
		})
	}

	group.Wait()
	return answers
}

// learn sets a parameter that the user did not give.
func (w *Wanted) learn(name, value string) {
	w.Parameters[name] = value
	w.Keep = slices.DeleteFunc(w.Keep, func(kept string) bool { return kept == name })
}

// value is the future value of a parameter: given, kept, or the default.
func (q asked) value(name string) string {
	value, _ := q.after(q.wanted)(name)
	return value
}

// after returns the future values of the parameters, except URLs of uploads.
func (q asked) after(w Wanted) values {
	return func(name string) (string, bool) {
		if value, ok := w.Parameters[name]; ok {
			return value, true
		}
		if slices.ContainsFunc(w.Uploads, func(u Upload) bool { return u.Parameter == name }) {
			return "", false
		}
		if value, ok := q.existing.Parameters[name]; ok {
			return value, true
		}
		return w.template.parameters[name].fallback, true
	}
}

// given reports whether the recipe or a flag sets a parameter.
func (q asked) given(name string) bool {
	_, ok := q.wanted.Parameters[name]
	return ok
}

// rules lists the values of the stack and the template's rules that are broken, now that all values are known.
func (q asked) rules(wanted Wanted) []Result {
	var results []Result
	for _, name := range wanted.Keep {
		value, there := q.existing.Parameters[name]
		wrong := wanted.template.parameters[name].refuses(value)
		if !there || wrong == "" {
			continue
		}
		flag := Flag(name)
		if field := Field(name); field != "" {
			flag = "--" + field
		}
		results = append(results, Result{
			Name: "settings", Status: Failed, Text: fmt.Sprintf("the stack's %s is %s, which cannot be kept: it %s", name, short(value), wrong), Hint: "give another by " + flag,
		})
	}

	for _, says := range wanted.template.broken(q.after(wanted)) {
		results = append(results, Result{Name: "settings", Status: Failed, Text: says})
	}
	return results
}

// unmade is the result of a check that could not be made, or whose object does not exist.
func unmade(name string, err error, absent Result) Result {
	if errors.Is(err, fs.ErrNotExist) {
		absent.Name = name
		return absent
	}
	return Result{Name: name, Status: Unchecked, Text: err.Error()}
}

// NotReadyError lists the failed checks.
type NotReadyError struct {
	Results []Result // of all checks
}

// Verdict returns a *NotReadyError if a check failed.
func Verdict(results []Result) error {
	if slices.ContainsFunc(results, Result.failed) {
		return &NotReadyError{results}
	}
	return nil
}

func (r Result) failed() bool { return r.Status == Failed }

func (e *NotReadyError) Error() string {
	var lines []string
	for _, r := range e.Results {
		if !r.failed() {
			continue
		}
		line := fmt.Sprintf("check %s: %s", r.Name, r.Text)
		if r.Hint != "" && e.Hint() == "" {
			line += ": " + r.Hint
		}
		lines = append(lines, line)
	}

	return strings.Join(lines, "\n")
}

// Class is that of things that cannot be used.
func (e *NotReadyError) Class() fault.Class { return fault.NotUsable }

// Hint returns the next action if one check failed. If several failed, Error gives each its own.
func (e *NotReadyError) Hint() string {
	var hints []string
	for _, r := range e.Results {
		if r.failed() {
			hints = append(hints, r.Hint)
		}
	}
	if len(hints) != 1 {
		return ""
	}
	return hints[0]
}
