package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"image-builder/internal/deploy"
	"image-builder/internal/pipeline"
	"image-builder/internal/preflight"
	"image-builder/internal/progress"
	"image-builder/internal/stack"
	"image-builder/internal/terminal"
)

// deployView shows a deploy and asks about it.
type deployView struct {
	env    *Env
	watch  terminal.Watcher
	agreed bool // before the question
}

func (d *deployView) report(e progress.Event) { d.watch.Report(e) }

// showProposal says what would change: the stack, its parameters, its resources.
func (d *deployView) showProposal(p pipeline.Proposal) {
	d.watch.Close()
	if d.env.JSON {
		return
	}

	d.showChecks(p.Checks)
	plan := p.Plan
	s := plan.Standing
	where := fmt.Sprintf("stack %s in %s, account %s", s.Name, p.Caller.Region, p.Caller.Account)
	switch {
	case plan.Unchanged:
		d.say("%s: nothing to change", where)
		return
	case s.Kind == deploy.Create:
		d.say("%s: to be created", where)
	case s.Stack.First():
		d.say("%s: made by the first image-builder, to be updated in place", where)
	case s.Kind == deploy.Update:
		d.say("%s: to be updated", where)
	case s.Kind == deploy.Recreate:
		d.say("%s: to be deleted and created again, since it is unusable (%s): %s", where, s.Stack.Status, terminal.Harmless(s.Why))
	}

	if plan.NewBucket != "" {
		d.say("  bucket %s: new, for the template and what the recipe names", plan.NewBucket)
	}

	d.showKept(plan)
	d.showSettings(p)
	d.showChanges(plan.ChangeSet)
}

// showKept says what a stack of the first image-builder keeps.
func (d *deployView) showKept(plan *deploy.Plan) {
	before := plan.Standing.Stack
	if !before.First() {
		return
	}

	d.say("  kept")
	d.say("    topic %s with its subscribers: %s", stack.Topic, terminal.Harmless(before.Outputs["Topic"]))
	d.say("    parameter %s, and every AMI built so far", terminal.Harmless(before.Parameters["OutputAmiParameter"]))
}

// agree asks whether to go on, unless --yes answered already.
func (d *deployView) agree(ctx context.Context, p pipeline.Proposal) error {
	err := ctx.Err()

	if !d.agreed {
		verb := map[deploy.Kind]string{
			deploy.Create: "Create", deploy.Update: "Update", deploy.Recreate: "Delete what is left of it and create",
		}[p.Plan.Standing.Kind]
		err = d.env.agree(ctx, fmt.Sprintf("%s stack %s%s?", verb, p.Plan.Standing.Name, inPlace(p.Plan)))
	}

	if err == nil {
		d.watch = d.env.watcher()
	}

	return err
}

// inPlace sums up what becomes of a stack of the first image-builder.
func inPlace(plan *deploy.Plan) string {
	if !plan.Standing.Stack.First() {
		return ""
	}
	count := map[bool]int{}
	for _, c := range plan.ChangeSet.Changes {
		if c.Replaced() || (c.Action == "Remove" && c.Policy != "Retain") {
			count[c.Replaced()]++
		}
	}
	return fmt.Sprintf(" in place, keep its topic and subscribers, replace %d of its resources and remove %d", count[true], count[false])
}

// showNew shows the change set of a stack that had to be deleted first.
func (d *deployView) showNew(set stack.ChangeSet) {
	d.watch.Close()
	d.showChanges(set)
	d.watch = d.env.watcher()
}

// showChecks shows the result of every check. Failed checks are in the error, and shown with it.
func (d *deployView) showChecks(results []preflight.Result) {
	for _, r := range results {
		if r.Status != preflight.Failed && !d.env.JSON {
			d.say("%s: %s: %s", r.Status, r.Name, sentence(r.Text, r.Hint))
		}
	}
}

func (d *deployView) say(format string, values ...any) {
	fmt.Fprintf(d.env.Stderr, format+"\n", values...)
}

// sentence is a text with the next action.
func sentence(text, next string) string {
	if next != "" {
		text += ": " + next
	}
	return terminal.Harmless(text)
}

// showSettings lists the parameters whose value changes; for a new stack, those that differ from the template's
// default.
func (d *deployView) showSettings(p pipeline.Proposal) {
	update := p.Plan.Standing.Kind == deploy.Update
	var rows [][2]string

	width := 0
	for _, s := range p.Plan.Settings {
		_, had := p.Plan.Standing.Stack.Parameters[s.Name]
		if (!update || !had) && s.After == p.Wanted.Default(s.Name) {
			continue
		}
		if !p.Wanted.Declares(s.Name) {
			rows = append(rows, [2]string{s.Name, orBlank(shortened(s.Before)) + ", which image-builder has no parameter for"})
			continue
		}
		rows = append(rows, [2]string{s.Name, transition(s, p.Wanted.Default(s.Name), update)})
		width = max(width, len(s.Name))
	}

	if len(rows) > 0 {
		d.say("  parameters")
	}

	for _, row := range rows {
		d.say("    %-*s  %s", width, row[0], row[1])
	}
}

// transition is a parameter's value, and the one before.
func transition(s deploy.Setting, fallback string, update bool) string {
	after := s.After
	if s.Default {
		after = fallback
	}
	if !update {
		return shortened(after)
	}
	return orBlank(shortened(s.Before)) + " → " + orBlank(shortened(after))
}

func shortened(value string) string {
	return terminal.Harmless(stack.ShortKeys(value))
}

func orBlank(value string) string {
	if value == "" {
		return "(blank)"
	}
	return value
}

// showChanges says what happens to each resource: new and removed ones by type, existing ones one by one.
func (d *deployView) showChanges(set stack.ChangeSet) {
	if d.env.JSON {
		return
	}

	for _, group := range stack.Groups(set.Changes) {
		d.say("  %s", group.Title)
		if action := group.Changes[0].Action; action == "Add" || action == "Remove" {
			d.showTypes(group.Changes)
			continue
		}
		for _, change := range group.Changes {
			d.say("    %s", terminal.Harmless(change.Sentence()))
		}
	}

	if set.MovesNetwork() {
		d.say("  note: until the update ends there are two VPCs, with an internet gateway each; a build that runs now would keep the old one in use")
	}

	for _, change := range set.Changes {
		if warning := change.Warning(); warning != "" {
			d.say("  warning: %s", terminal.Harmless(warning))
		}
	}
}

// showTypes lists resources by type, in the order of their names.
func (d *deployView) showTypes(changes []stack.Change) {
	names := map[string][]string{}
	types := []string{}

	width := 0
	for _, change := range changes {
		noun := stack.Noun(change.Type)
		if names[noun] == nil {
			types = append(types, noun)
		}
		names[noun] = append(names[noun], change.LogicalID)
		width = max(width, len(noun))
	}

	slices.Sort(types)
	for _, noun := range types {
		slices.Sort(names[noun])
		d.say("    %-*s  %s", width, noun, terminal.Harmless(strings.Join(names[noun], ", ")))
	}
}
